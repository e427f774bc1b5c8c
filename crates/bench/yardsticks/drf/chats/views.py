import uuid

from django.db import transaction
from django.utils import timezone
from rest_framework.decorators import api_view
from rest_framework.response import Response

from .demo import reply
from .models import Chat


def local(moment):
    return timezone.localtime(moment).strftime("%d/%m/%Y %H:%M:%S") if moment else None


@api_view(["GET", "POST"])
def chats(request):
    return send(request) if request.method == "POST" else read(request)


def read(request):
    chats = Chat.objects.filter(user=request.user).order_by("id")
    if session_id := request.query_params.get("session_id"):
        chats = chats.filter(session_id=session_id)
    return Response(
        [
            {
                "chat_id": chat.id,
                "user_id": chat.user_id,
                "start_time": local(chat.start_time),
                "end_time": local(chat.end_time),
                "session_id": str(chat.session_id),
                "conversation": chat.content,
            }
            for chat in chats
        ]
    )


def send(request):
    content = request.data.get("content")
    if not content:
        return Response({"error": "Content is required."}, status=400)
    with transaction.atomic():
        chat = Chat.objects.filter(user=request.user).order_by("-start_time").first()
        if request.data.get("end_session"):
            return end(chat)
        opened = chat is None or chat.end_time is not None
        if opened:
            chat = Chat(user=request.user)
        chat.content.append(
            {
                "message_id": str(uuid.uuid4()),
                "You": content,
                "Bot": reply(content, len(chat.content) + 1),
                "timestamp": local(timezone.now()),
            }
        )
        chat.save()
    shape = {
        "chat_id": chat.id,
        "user_id": chat.user_id,
        "conversation": chat.content,
        "start_time": chat.start_time,
        "end_time": chat.end_time,
        "session_identifier": str(chat.session_id),
    }
    return Response(shape, status=201 if opened else 200)


def end(chat):
    if chat is None or chat.end_time is not None:
        return Response({"error": "No active chat session found to end."}, status=404)
    chat.end_time = timezone.now()
    chat.save(update_fields=["end_time"])
    return Response(
        {
            "message": "Chat session ended successfully",
            "start_time": local(chat.start_time),
            "end_time": local(chat.end_time),
            "session_id": str(chat.session_id),
        }
    )
