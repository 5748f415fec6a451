"""Telling people: one message a release, kept up to date."""

from fairlead.notify.model import Notice, NotificationFailed, Posted
from fairlead.notify.slack import SlackNotifier

__all__ = ["Notice", "NotificationFailed", "Posted", "SlackNotifier"]
