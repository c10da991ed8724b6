//! `~fill`: one colour, or a gradient between two, as CSS draws them (CSS Images Level 3, sections 3.1 and 3.2).

use crate::pixmap::{Pixmap, multiply};
use crate::recipe::{Colour, Fill, Gradient, GradientShape};

/// Fractional bits of a position between two colours.
const POSITION_BITS: u32 = 16;

/// Draws a fill.
pub(crate) fn draw(fill: &Fill, width: u32, height: u32) -> Pixmap {
    let from = premultiplied(fill.colour);
    let Some(gradient) = &fill.gradient else { return Pixmap::filled(width, height, from) };
    let to = premultiplied(gradient.to);
    let mut pixmap = Pixmap::filled(width, height, [0; 4]);
    for (y, row) in pixmap.data_mut().chunks_exact_mut(width.max(1) as usize * 4).enumerate() {
        for (x, pixel) in row.chunks_exact_mut(4).enumerate() {
            // Pixel centres, from the middle of the fill.
            let dx = x as f64 + 0.5 - f64::from(width) / 2.0;
            let dy = y as f64 + 0.5 - f64::from(height) / 2.0;
            pixel.copy_from_slice(&between(from, to, position(gradient, dx, dy, width, height)));
        }
    }
    pixmap
}

/// A colour as a premultiplied pixel.
pub(crate) fn premultiplied(Colour { r, g, b, a }: Colour) -> [u8; 4] {
    [multiply(r, a), multiply(g, a), multiply(b, a), a]
}

/// How far along the gradient a point lies, 0 to 1.
fn position(gradient: &Gradient, dx: f64, dy: f64, width: u32, height: u32) -> f64 {
    let (width, height) = (f64::from(width), f64::from(height));
    match gradient.shape {
        GradientShape::Linear => {
            let radians = gradient.angle.to_f64() * (core::f64::consts::PI / 180.0);
            let (sin, cos) = (libm::sin(radians), libm::cos(radians));
            // The line is as long as it takes for the corners to get the pure colours.
            let length = (width * sin).abs() + (height * cos).abs();
            (dx * sin - dy * cos) / length + 0.5
        }
        // An ellipse through the corners.
        GradientShape::Radial => {
            let (u, v) = (2.0 * dx / width, 2.0 * dy / height);
            libm::sqrt((u * u).midpoint(v * v))
        }
    }
}

/// Premultiplied colours are interpolated, so that a colour fades without darkening.
fn between(from: [u8; 4], to: [u8; 4], position: f64) -> [u8; 4] {
    let one = 1_u32 << POSITION_BITS;
    let t = libm::round(position.clamp(0.0, 1.0) * f64::from(one)) as u32;
    let mix = |a: u8, b: u8| (u32::from(a) * (one - t) + u32::from(b) * t + one / 2) >> POSITION_BITS;
    [
        mix(from[0], to[0]) as u8,
        mix(from[1], to[1]) as u8,
        mix(from[2], to[2]) as u8,
        mix(from[3], to[3]) as u8,
    ]
}
