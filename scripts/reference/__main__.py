"""`make reference` writes docs/reference anew."""

from scripts.reference import pages

if __name__ == "__main__":
    for path, text in pages().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
