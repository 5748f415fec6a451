from django.urls import path

from catalog import views

urlpatterns = [path("api/products", views.products)]
