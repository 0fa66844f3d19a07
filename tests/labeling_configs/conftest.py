import pytest

from labeling_configs.vocabulary import PhotoId, Rectangle, Tile, TileId


@pytest.fixture
def tile():
    """A tile that is neither at the photo's corner nor square, so that no swapped or forgotten offset goes unseen."""
    shown = Rectangle(1000, 200, 2000, 600)
    return Tile(TileId("t1"), PhotoId("p1"), shown=shown, core=shown)
