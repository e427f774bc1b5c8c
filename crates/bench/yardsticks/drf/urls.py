from django.urls import path

from chats.views import chats

urlpatterns = [path("api/chats/", chats)]
