from django.apps import AppConfig


class PressedConfig(AppConfig):
    name = "pressed"
