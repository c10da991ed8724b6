"""Builds blocks.ttf and blocks.otf: glyphs whose every area and advance is known by heart. Needs fontTools."""

from fontTools.fontBuilder import FontBuilder
from fontTools.pens.t2CharStringPen import T2CharStringPen
from fontTools.pens.ttGlyphPen import TTGlyphPen

GLYPHS = [".notdef", "space", "one", "over", "ring", "back", "disc", "colour", "red", "blue"]
CMAP = {ord(c): g for c, g in zip(" 1orbdc", GLYPHS[1:])}
# Advance and left side bearing.
METRICS = {g: (1000, 0) for g in GLYPHS} | {"space": (500, 0), "disc": (1000, 100)}


def box(pen, x0, y0, x1, y1, clockwise=True):
    corners = [(x0, y0), (x0, y1), (x1, y1), (x1, y0)]
    corners = corners if clockwise else corners[::-1]
    pen.moveTo(corners[0])
    for corner in corners[1:]:
        pen.lineTo(corner)
    pen.closePath()


def disc(pen, cubic):
    k = 0.5522847498 if cubic else None
    c, r = 500, 400
    pen.moveTo((c + r, c))
    for dx, dy, ex, ey in [(1, 1, 0, 1), (-1, 1, -1, 0), (-1, -1, 0, -1), (1, -1, 1, 0)]:
        sx, sy = (dx, 0) if ex == 0 else (0, dy)
        if cubic:
            a = (c + r * (sx + k * ex), c + r * (sy + k * ey))
            b = (c + r * (ex + k * sx), c + r * (ey + k * sy))
            pen.curveTo(a, b, (c + r * ex, c + r * ey))
        else:
            pen.qCurveTo((c + r * dx, c + r * dy), (c + r * ex, c + r * ey))
    pen.closePath()


def draw(name, pen, cubic):
    if name in (".notdef", "one", "red"):
        box(pen, 0, 0, 1000, 1000)
    elif name == "over":  # two boxes of one direction, one lying half over the other
        box(pen, 0, 0, 600, 1000)
        box(pen, 400, 0, 1000, 1000)
    elif name == "ring":
        box(pen, 0, 0, 1000, 1000)
        box(pen, 250, 250, 750, 750, clockwise=False)
    elif name == "back":
        box(pen, 0, 0, 1000, 1000, clockwise=False)
    elif name == "disc":
        disc(pen, cubic)
    elif name == "blue":
        box(pen, 0, 0, 500, 1000)


def glyph(name, cubic):
    pen = T2CharStringPen(METRICS[name][0], None) if cubic else TTGlyphPen(None)
    draw(name, pen, cubic)
    return pen.getCharString() if cubic else pen.glyph()


def build(path, cubic):
    font = FontBuilder(1000, isTTF=not cubic)
    font.setupGlyphOrder(GLYPHS)
    font.setupCharacterMap(CMAP)
    glyphs = {name: glyph(name, cubic) for name in GLYPHS}
    if cubic:
        font.setupCFF("Blocks", {"FullName": "Blocks"}, glyphs, {})
    else:
        font.setupGlyf(glyphs)
    font.setupHorizontalMetrics(METRICS)
    font.setupHorizontalHeader(ascent=1000, descent=-250)
    font.setupNameTable({"familyName": "Blocks", "styleName": "Regular"})
    font.setupOS2(sTypoAscender=1000, sTypoDescender=-250, sTypoLineGap=0, usWinAscent=1000, usWinDescent=250)
    font.setupPost(keepGlyphNames=False)
    # "c" is a red box, its left half under half-transparent blue, and the ring on top in the colour of the text.
    font.setupCOLR({"colour": [("red", 0), ("blue", 1), ("ring", 0xFFFF)]})
    font.setupCPAL([[(1.0, 0.0, 0.0, 1.0), (0.0, 0.0, 1.0, 0.5)]])
    font.font["head"].created = font.font["head"].modified = 0
    font.save(path)


build("blocks.ttf", cubic=False)
build("blocks.otf", cubic=True)
