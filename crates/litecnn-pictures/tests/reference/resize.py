"""What Pillow makes of a picture brought to other shapes: writes resize.json beside this file.

    pip install pillow && python resize.py

Pillow's BILINEAR counts all pixels where it makes smaller (antialiased). The picture is made by the formula in
`value`, which the test repeats.
"""

import json
import pathlib

from PIL import Image, __version__

WIDTH, HEIGHT = 61, 43


def value(x, y, c):
    return (3 * x + 5 * y + 80 * c + 7 * (x * y % 17)) % 256


def picture(channels):
    values = [value(x, y, c) for y in range(HEIGHT) for x in range(WIDTH) for c in range(channels)]
    return Image.frombytes("L" if channels == 1 else "RGB", (WIDTH, HEIGHT), bytes(values))


def fitted(image, fit, width, height):
    if fit == "stretch":
        return image.resize((width, height), Image.Resampling.BILINEAR)
    if fit == "crop":
        ratio = width / height
        w, h = min(WIDTH, HEIGHT * ratio), min(HEIGHT, WIDTH / ratio)
        left, top = (WIDTH - w) / 2, (HEIGHT - h) / 2
        return image.resize((width, height), Image.Resampling.BILINEAR, box=(left, top, left + w, top + h))
    scale = min(width / WIDTH, height / HEIGHT)
    w, h = round(WIDTH * scale), round(HEIGHT * scale)
    out = Image.new(image.mode, (width, height), 0)
    out.paste(image.resize((w, h), Image.Resampling.BILINEAR), ((width - w) // 2, (height - h) // 2))
    return out


cases = [
    {
        "channels": channels,
        "fit": fit,
        "width": width,
        "height": height,
        "pixels": list(fitted(picture(channels), fit, width, height).tobytes()),
    }
    for channels in (1, 3)
    for fit in ("stretch", "letterbox", "crop")
    for width, height in ((8, 8), (20, 9), (30, 46))
]
file = pathlib.Path(__file__).with_name("resize.json")
file.write_text(json.dumps({"pillow": __version__, "cases": cases}, separators=(",", ":")) + "\n")
