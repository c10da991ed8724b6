//! What `render` and `explain` work with: a catalogue and its pictures, from files given on the command line, from a
//! folder, or from the store.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use compositor::near::nearest;
use compositor::{AssetId, Catalogue, Digest, Ingredients, Kind, Plan, Recipe, ResolveError};

use super::{AssetArgs, Failure};
use crate::catalogue::LiveCatalogue;
use crate::config::{Config, StoreUrl};
use crate::import::{Source, load, scan, source};
use crate::rasterise::Rasteriser;
use crate::store::{ObjectKey, Store};

/// Most ids that a hint lists.
const MAX_LISTED: usize = 40;

/// A catalogue with its pictures.
pub struct Workbench {
    pub catalogue: Catalogue,
    /// Everything that could have been named, loaded or not.
    known: Vec<AssetId>,
    files: HashMap<Digest, Vec<u8>>,
    store: Option<Store>,
}

/// `id=file`
pub fn parse_asset(text: &str) -> Result<(AssetId, PathBuf), String> {
    let (id, file) = text.split_once('=').ok_or("write it as id=file")?;
    let id = id.parse().map_err(|error| format!("`{id}` is not an asset id; allowed: {error}"))?;
    Ok((id, file.into()))
}

fn no_store(folder: &str) -> String {
    format!(
        "there is no store at {folder} (MILLINER_STORE)\n  run `milliner import DIR` there, or give --asset id=file or --catalogue DIR"
    )
}

impl Workbench {
    /// Loads what the recipes need, from where the arguments say.
    pub async fn open(config: &Config, args: &AssetArgs, recipes: &[Recipe]) -> Result<Self, Failure> {
        if args.assets.is_empty() && args.catalogue.is_none() {
            return Self::from_store(config).await;
        }
        Self::from_files(config, args, recipes).await
    }

    async fn from_store(config: &Config) -> Result<Self, Failure> {
        // Reading makes no store: an empty one in a wrong folder would only hide the mistake.
        if let StoreUrl::Files(folder) = &config.store
            && !folder.exists()
        {
            return Err(no_store(&folder.display().to_string()).into());
        }
        let store = Store::open(&config.store).await?;
        let catalogue = LiveCatalogue::open(store.clone(), None).await?.snapshot().catalogue.clone();
        let known = catalogue.assets().iter().map(|asset| asset.id.clone()).collect();
        Ok(Self { catalogue, known, files: HashMap::new(), store: Some(store) })
    }

    async fn from_files(config: &Config, args: &AssetArgs, recipes: &[Recipe]) -> Result<Self, Failure> {
        let limits = &config.limits;
        let rasteriser =
            Rasteriser::new(&config.rasteriser, limits.svg_timeout, limits.picture.source_pixels);
        let (mut assets, mut files) = (Vec::new(), HashMap::new());
        let sources = sources(args)?;
        let known = sources.iter().map(|source| source.id.clone()).collect();
        let wanted: Vec<AssetId> = recipes.iter().flat_map(Recipe::asset_ids).collect();
        for source in sources.into_iter().filter(|source| wanted.contains(&source.id)) {
            let (prepared, metadata) = load(&source, &rasteriser, &limits.picture).await?;
            // What a recipe lies on is a base, what it lays on top an overlay; a sidecar may know better.
            let is_base = recipes.iter().any(|recipe| recipe.base.asset.id == source.id);
            let kind = if is_base { Kind::Base } else { Kind::Overlay };
            let mut asset = prepared.asset(&source.id, kind);
            metadata.apply(&mut asset).map_err(|error| format!("{}: {error}", source.id))?;
            files.extend(prepared.into_files());
            assets.push(asset);
        }
        Ok(Self { catalogue: Catalogue::new(assets), known, files, store: None })
    }

    /// What the recipe means here.
    pub fn plan(&self, recipe: &Recipe, accept: Option<&str>) -> Result<Plan, Failure> {
        self.catalogue.resolve(recipe, accept).map_err(|error| match error {
            ResolveError::UnknownAsset { pointer, id, .. } => {
                let near = nearest(id.as_ref(), self.known.iter().map(AsRef::as_ref));
                let near = near.and_then(|near| near.parse().ok());
                let error = ResolveError::UnknownAsset { pointer: pointer.clone(), id, near };
                format!("{}\n  {}", at(&pointer, &error), self.hint()).into()
            }
            error => at(error.pointer(), &error).into(),
        })
    }

    /// The encoded pictures of a plan.
    pub async fn ingredients(&self, plan: &Plan) -> Result<Ingredients, Failure> {
        let mut ingredients = Ingredients::new();
        for digest in plan.files() {
            let bytes = match (self.files.get(&digest), &self.store) {
                (Some(bytes), _) => Some(Arc::from(bytes.as_slice())),
                (None, Some(store)) => {
                    store.get(&ObjectKey::Image(digest)).await?.map(|bytes| Arc::from(bytes.as_ref()))
                }
                (None, None) => None,
            };
            ingredients.insert(
                digest,
                bytes.ok_or_else(|| format!("the picture {digest} is missing from the store"))?,
            );
        }
        Ok(ingredients)
    }

    fn hint(&self) -> String {
        if self.known.is_empty() {
            return "the store (MILLINER_STORE) is empty: run `milliner import DIR`, or give --asset id=file"
                .to_owned();
        }
        let ids: Vec<&str> = self.known.iter().take(MAX_LISTED).map(AsRef::as_ref).collect();
        let more = self.known.len() - ids.len();
        let more = if more == 0 { String::new() } else { format!(", … and {more} more") };
        format!("known here: {}{more}", ids.join(", "))
    }
}

/// The files given one by one, then those of the folder.
fn sources(args: &AssetArgs) -> Result<Vec<Source>, Failure> {
    let mut sources = Vec::new();
    for (id, file) in &args.assets {
        sources.push(source(id.clone(), file)?);
    }
    if let Some(folder) = &args.catalogue {
        let given = |id: &AssetId| args.assets.iter().any(|(other, _)| other == id);
        sources.extend(scan(folder)?.into_iter().filter(|source| !given(&source.id)));
    }
    Ok(sources)
}

/// A recipe from the command line, with its error made readable: the place, the reason.
pub fn parse_recipe(text: &str) -> Result<Recipe, Failure> {
    // Whoever copies a URL copies its host too.
    let path = text.find("/c/").map_or(text, |start| &text[start..]);
    let path = path.split('?').next().unwrap_or(path);
    Recipe::parse(path).map_err(|error| at(error.pointer(), &error).into())
}

/// An error with its place in the recipe, where it has one.
fn at(pointer: &str, error: &dyn std::error::Error) -> String {
    if pointer.is_empty() { error.to_string() } else { format!("{pointer}: {error}") }
}
