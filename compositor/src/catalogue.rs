//! The catalogue: every asset a recipe can name, as the manifest that edge and browser resolve recipes with.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::asset::{Asset, AssetId, AssetRef, Digest};
use crate::error::ResolveError;
use crate::near::nearest;

/// All current assets, by id, and the older versions that a pin may name.
///
/// Serialised it is the manifest of `GET /v1/catalogue`: `{"version": …, "assets": […]}`; older versions stay behind.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Manifest", into = "Manifest")]
pub struct Catalogue {
    version: String,
    assets: Vec<Asset>,
    older: Vec<Asset>,
    index: HashMap<String, usize>,
}

#[derive(Serialize, Deserialize)]
struct Manifest {
    #[serde(default)]
    version: String,
    assets: Vec<Asset>,
}

impl From<Manifest> for Catalogue {
    fn from(manifest: Manifest) -> Self {
        Catalogue::new(manifest.assets)
    }
}

impl From<Catalogue> for Manifest {
    fn from(catalogue: Catalogue) -> Self {
        Manifest { version: catalogue.version, assets: catalogue.assets }
    }
}

impl Catalogue {
    /// A catalogue of these assets; of two with one id the later one wins.
    pub fn new(assets: Vec<Asset>) -> Self {
        let mut assets: Vec<Asset> = assets.into_iter().rev().collect();
        assets.sort_by(|a, b| a.id.cmp(&b.id)); // stable: the later one of two comes first
        assets.dedup_by(|a, b| a.id == b.id);
        let index = assets.iter().enumerate().map(|(i, asset)| (asset.id.to_string(), i)).collect();
        // Every field of an asset serialises, so this cannot fail; and a version of nothing would still be a version.
        let version = Digest::of(&serde_json::to_vec(&assets).unwrap_or_default()).to_string();
        Catalogue { version, assets, older: Vec::new(), index }
    }

    /// The same catalogue, which also knows these older versions of its assets.
    #[must_use]
    pub fn with_older(mut self, older: Vec<Asset>) -> Self {
        self.older = older;
        self
    }

    /// Digest of the whole manifest: a strong validator.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The current assets, sorted by id.
    pub fn assets(&self) -> &[Asset] {
        &self.assets
    }

    /// The current version of an asset.
    pub fn get(&self, id: &str) -> Option<&Asset> {
        self.index.get(id).and_then(|&i| self.assets.get(i))
    }

    /// The asset that somebody who wrote `id` may have meant.
    pub fn nearest(&self, id: &str) -> Option<&AssetId> {
        let near = nearest(id, self.assets.iter().map(|asset| asset.id.as_ref()))?;
        self.get(near).map(|asset| &asset.id)
    }

    /// The version that a recipe names at `pointer`.
    pub(crate) fn find(&self, pointer: &str, asset: &AssetRef) -> Result<&Asset, ResolveError> {
        let unknown = || ResolveError::UnknownAsset {
            pointer: pointer.to_owned(),
            id: asset.id.clone(),
            near: self.nearest(asset.id.as_ref()).cloned(),
        };
        let Some(pin) = &asset.pin else {
            return self.get(asset.id.as_ref()).ok_or_else(unknown);
        };
        let versions =
            self.get(asset.id.as_ref()).into_iter().chain(self.older.iter().filter(|old| old.id == asset.id));
        let mut named: Vec<&Asset> = Vec::new();
        let mut known = false;
        for version in versions {
            known = true;
            let seen = named.iter().any(|other| other.digest == version.digest);
            if !seen && version.digest.to_string().starts_with(pin.as_str()) {
                named.push(version);
            }
        }
        let (pointer, id, pin) = (pointer.to_owned(), asset.id.clone(), pin.clone());
        match named.as_slice() {
            [one] => Ok(one),
            [] if !known => Err(unknown()),
            [] => Err(ResolveError::UnknownVersion { pointer, id, pin }),
            _ => Err(ResolveError::AmbiguousVersion { pointer, id, pin }),
        }
    }
}
