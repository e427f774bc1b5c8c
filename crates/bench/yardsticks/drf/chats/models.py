import uuid

from django.contrib.auth.models import User
from django.db import models
from django.utils import timezone


class Chat(models.Model):
    """One session, its history in one column (seed 004: "JSONField to store chat history (list of dictionaries)")."""

    user = models.ForeignKey(User, on_delete=models.CASCADE)
    content = models.JSONField(default=list)
    start_time = models.DateTimeField(default=timezone.now)
    end_time = models.DateTimeField(null=True, blank=True)
    session_id = models.UUIDField(default=uuid.uuid4, unique=True)
