"""Write a picture as a camera trap would: JPEG with the time, the camera and the place in its EXIF."""

from datetime import datetime
from io import BytesIO

import cv2
import piexif

from .beach import Picture

MAKE, MODEL = b"Northlight", b"TrailEye 4"


def jpeg(picture: Picture, camera: str, taken_at: datetime, place: tuple[float, float], quality: int = 88) -> bytes:
    """Return the bytes of a JPEG; place is latitude and longitude in degrees, of a shore that does not exist."""
    _, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    out = BytesIO()
    piexif.insert(piexif.dump(_tags(camera, taken_at, place)), encoded.tobytes(), out)
    return out.getvalue()


def _tags(camera: str, taken_at: datetime, place: tuple[float, float]) -> dict[str, dict[int, object]]:
    stamp = taken_at.strftime("%Y:%m:%d %H:%M:%S").encode()
    latitude, longitude = place
    return {
        "0th": {
            piexif.ImageIFD.Make: MAKE,
            piexif.ImageIFD.Model: MODEL,
            piexif.ImageIFD.DateTime: stamp,
            piexif.ImageIFD.ImageDescription: camera.encode(),
        },
        "Exif": {
            piexif.ExifIFD.DateTimeOriginal: stamp,
            piexif.ExifIFD.DateTimeDigitized: stamp,
            piexif.ExifIFD.BodySerialNumber: camera.encode(),
        },
        "GPS": {
            piexif.GPSIFD.GPSLatitudeRef: b"N" if latitude >= 0 else b"S",
            piexif.GPSIFD.GPSLatitude: _degrees(latitude),
            piexif.GPSIFD.GPSLongitudeRef: b"E" if longitude >= 0 else b"W",
            piexif.GPSIFD.GPSLongitude: _degrees(longitude),
        },
    }


def _degrees(value: float) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
    """Degrees, minutes and seconds as the rationals that EXIF wants."""
    seconds = round(abs(value) * 360000)
    return (seconds // 360000, 1), (seconds // 6000 % 60, 1), (seconds % 6000, 100)
