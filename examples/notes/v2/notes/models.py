from django.db import models


class Note(models.Model):
    text = models.CharField(max_length=200)
    # The default is the database's too: v1, which serves meanwhile, writes notes without it.
    done = models.BooleanField(default=False, db_default=False)
