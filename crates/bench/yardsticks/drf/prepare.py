"""Makes the database and so many users; prints one token a line."""

import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from rest_framework.authtoken.models import Token  # noqa: E402

call_command("migrate", verbosity=0)
for number in range(int(sys.argv[1])):
    user = User.objects.create(username=f"bench-{number}")
    print(Token.objects.create(user=user).key)
