"""What runs inside a one-off container of the release's image, by the image's own Python.

It is sent there as a zipapp and imports Django, django-tenants and the standard library only.
It has to work with Python 3.8, Django 4.2 and newer, psycopg2 and psycopg 3.
"""
