"""As the last migration leaves them."""

from django.db import models


class Person(models.Model):
    name = models.CharField(max_length=50)


class Order(models.Model):
    number = models.BigIntegerField(unique=True)
    label = models.CharField(max_length=20)
    code = models.CharField(max_length=100)
    note = models.TextField(default="")
    amount = models.IntegerField(default=0)
    state = models.CharField(max_length=10, default="new")
    person = models.ForeignKey(Person, models.CASCADE, null=True)

    class Meta:
        indexes = [
            models.Index(fields=["number"], name="ahead_number"),
            models.Index(fields=["amount"], name="ahead_amount"),
        ]


class Line(models.Model):
    order = models.ForeignKey(Order, models.CASCADE)
