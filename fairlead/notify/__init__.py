"""Telling people: one message a release, kept up to date."""

from fairlead.notify.github import GitHubNotifier
from fairlead.notify.model import (
    DriftNotice,
    Notice,
    NotificationFailed,
    NotTold,
    RefreshNotice,
    Sender,
)
from fairlead.notify.slack import SlackNotifier

__all__ = [
    "DriftNotice",
    "GitHubNotifier",
    "NotTold",
    "Notice",
    "NotificationFailed",
    "RefreshNotice",
    "Sender",
    "SlackNotifier",
]
