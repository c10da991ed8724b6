//! The pictures that a plan needs, and which of an asset's levels each is read from.

use crate::asset::{Asset, Digest};

/// One picture that a plan needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Ingredient {
    /// Of the asset.
    pub asset: Digest,
    /// Of the file that is read: the asset's own, or one of its levels'.
    pub digest: Digest,
    /// The asset's width and height: every length of a plan counts in its pixels.
    pub size: (u32, u32),
    /// Width and height of what is read.
    pub stored: (u32, u32),
    pub opaque: bool,
}

impl Ingredient {
    /// All of an asset.
    pub fn whole(asset: &Asset) -> Self {
        let size = (asset.width, asset.height);
        Ingredient { asset: asset.digest, digest: asset.digest, size, stored: size, opaque: asset.opaque }
    }

    /// An asset of which so many pixels become one: its smallest level that need not be enlarged.
    pub fn reduced(asset: &Asset, reduction: f64) -> Self {
        let suffices = |whole: u32, level: u32| level > 0 && f64::from(whole) / f64::from(level) <= reduction;
        let level = asset
            .levels
            .iter()
            .rfind(|level| suffices(asset.width, level.width) && suffices(asset.height, level.height));
        let whole = Self::whole(asset);
        level.map_or(whole, |level| Ingredient {
            digest: level.digest,
            stored: (level.width, level.height),
            ..whole
        })
    }

    /// An asset that is stretched over `size`.
    pub fn stretched(asset: &Asset, size: (u32, u32)) -> Self {
        let ratio = |from: u32, to: u32| f64::from(from) / f64::from(to);
        Self::reduced(asset, ratio(asset.width, size.0).min(ratio(asset.height, size.1)))
    }

    /// Is it read from less than all of its asset?
    pub fn is_level(&self) -> bool {
        self.stored != self.size
    }

    /// Pixels of what is read.
    pub fn pixels(&self) -> u64 {
        u64::from(self.stored.0) * u64::from(self.stored.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asset::{Kind, Level};
    use crate::source::normalise;
    use crate::{Limits, Pixmap};

    #[test]
    fn the_smallest_level_that_need_not_be_enlarged_is_read() {
        let level = |width, height| Level { digest: Digest::of(&[width as u8]), width, height, bytes: 1 };
        let picture = Pixmap::from_straight_rgba(1, 1, vec![9; 4]).unwrap();
        let file = crate::codec::encode_png_to_keep(&picture, false);
        let mut asset =
            normalise(&file, &Limits::default()).unwrap().asset(&"hat".parse().unwrap(), Kind::Overlay);
        (asset.width, asset.height) = (1001, 600);
        asset.levels = vec![level(501, 300), level(251, 150)];
        let stored = |reduction| Ingredient::reduced(&asset, reduction).stored;
        assert_eq!(stored(0.5), (1001, 600));
        assert_eq!(stored(1.99), (1001, 600));
        assert_eq!(stored(2.0), (501, 300));
        assert_eq!(stored(3.99), (501, 300));
        assert_eq!(stored(4.0), (251, 150));
        assert_eq!(stored(f64::INFINITY), (251, 150));
        assert_eq!(stored(f64::NAN), (1001, 600));
        assert_eq!(Ingredient::stretched(&asset, (500, 200)).stored, (501, 300));
        // What a manifest from elsewhere may say.
        asset.levels = vec![level(0, 0)];
        assert_eq!(Ingredient::reduced(&asset, f64::INFINITY).stored, (1001, 600));
    }
}
