"""Take the README's pictures afresh: python -m tests.pictures"""

from tests.pictures.taking import HERE, pictures

for name, svg in pictures().items():
    (HERE / f"{name}.svg").write_text(svg)
