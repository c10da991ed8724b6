//! The shapes of the API's JSON, as they are written and as `/openapi.json` describes them.

mod jobs;
mod names;

use std::collections::BTreeMap;
use std::str::FromStr;

use compositor::{Asset, AssetId, CompositeKey, Digest, Kind, Plan, Recipe};
use serde::Serialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::error::Error;
use super::query::Query;
use crate::catalogue::{AssetRecord, Version};
use crate::clock::rfc3339;
use crate::fields::{FieldError, Fields, positive, text, whole};
use crate::links::Link;
use crate::metadata::{KINDS, kind};
use crate::purge::Target;

pub use jobs::{JobBody, JobBodySchema, JobEventSchema, JobView};
pub use names::{
    AssetIdSchema, AssetRefSchema, BinarySchema, CompositeKeySchema, DigestSchema, JobIdSchema,
    LayerNameSchema, RecipePathSchema, TagSchema,
};

/// An asset, as in the manifest.
#[derive(ToSchema)]
#[schema(as = Asset)]
#[expect(dead_code, reason = "describes compositor::Asset, which knows nothing of OpenAPI")]
pub struct AssetSchema {
    /// `[a-z0-9][a-z0-9-]{0,63}`
    id: AssetIdSchema,
    /// BLAKE3 of the normalised image, or of the font, 64 hex digits; 10 or more of them pin a recipe to this version.
    digest: DigestSchema,
    kind: KindSchema,
    /// In pixels; of a font, 0.
    width: u32,
    /// In pixels; of a font, 0.
    height: u32,
    /// Length of the normalised image, or of the font.
    bytes: u64,
    /// `image/png`, `image/jpeg`, `font/ttf` or `font/otf`
    media_type: String,
    /// Has it no transparent pixel?
    opaque: bool,
    /// Smaller copies that pictures are drawn from, each half as wide and high as the one before.
    levels: Option<Vec<LevelSchema>>,
    title: String,
    tags: Vec<String>,
    licence: Option<String>,
    /// Named points: of a base, where things sit; of an overlay, where it sits by.
    anchors: Option<BTreeMap<String, AnchorSchema>>,
    focus: Option<FocusSchema>,
}

#[derive(ToSchema)]
#[schema(as = Level)]
#[expect(dead_code, reason = "describes compositor::Level")]
pub struct LevelSchema {
    /// BLAKE3 of its bytes; `GET /v1/assets/{id}/content?digest=` gives them.
    digest: DigestSchema,
    /// In pixels.
    width: u32,
    /// In pixels.
    height: u32,
    /// Length of its bytes.
    bytes: u64,
}

#[derive(ToSchema)]
#[schema(as = Kind, rename_all = "lowercase")]
#[expect(dead_code, reason = "describes compositor::Kind")]
pub enum KindSchema {
    Base,
    Overlay,
    Font,
}

#[derive(ToSchema)]
#[schema(as = Anchor)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes compositor::Anchor")]
pub struct AnchorSchema {
    /// From the left, as a fraction of the width.
    #[schema(minimum = -10.0, maximum = 10.0)]
    x: f64,
    /// From the top, as a fraction of the height.
    #[schema(minimum = -10.0, maximum = 10.0)]
    y: f64,
    /// What it measures there, as a fraction of the width.
    #[schema(minimum = 0.0001, maximum = 10.0)]
    span: f64,
    /// Degrees clockwise.
    #[schema(default = 0.0, minimum = -360.0, maximum = 360.0)]
    angle: Option<f64>,
}

#[derive(ToSchema)]
#[schema(as = Focus)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes compositor::Focus")]
pub struct FocusSchema {
    /// From the left, as a fraction of the width.
    #[schema(minimum = 0.0, maximum = 1.0)]
    x: f64,
    /// From the top, as a fraction of the height.
    #[schema(minimum = 0.0, maximum = 1.0)]
    y: f64,
}

/// The manifest: everything that a recipe can name.
#[derive(ToSchema)]
#[schema(as = Catalogue)]
#[expect(dead_code, reason = "describes compositor::Catalogue")]
pub struct CatalogueSchema {
    /// Digest of the manifest; also its `ETag`.
    version: DigestSchema,
    assets: Vec<AssetSchema>,
}

/// A change of metadata (RFC 7396): absent stays, null clears.
#[derive(ToSchema)]
#[schema(as = Metadata)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes crate::metadata::Metadata")]
pub struct MetadataSchema {
    kind: Option<KindSchema>,
    #[schema(max_length = 200, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$")]
    title: Option<String>,
    #[schema(max_items = 32)]
    tags: Option<Vec<TagSchema>>,
    #[schema(min_length = 1, max_length = 200, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$")]
    licence: Option<String>,
    /// Of a base up to 32, of an overlay one, of a font none. One that is null is removed.
    anchors: Option<BTreeMap<String, AnchorSchema>>,
    focus: Option<FocusSchema>,
}

/// An asset with its history.
#[derive(Serialize, ToSchema)]
pub struct AssetView {
    #[serde(flatten)]
    #[schema(value_type = AssetSchema)]
    asset: Asset,
    /// When this content was added.
    #[schema(format = DateTime)]
    added: String,
    /// Where the normalised image or the font is.
    content: String,
    /// The current version first.
    versions: Vec<VersionView>,
}

/// One content of an asset.
#[derive(Serialize, ToSchema)]
pub struct VersionView {
    #[schema(value_type = DigestSchema)]
    digest: String,
    width: u32,
    height: u32,
    bytes: u64,
    #[schema(format = DateTime)]
    added: String,
    content: String,
}

impl From<&AssetRecord> for AssetView {
    fn from(record: &AssetRecord) -> Self {
        let Version { asset, added, .. } = &record.current;
        Self {
            asset: asset.clone(),
            added: rfc3339(*added),
            content: format!("/v1/assets/{}/content", asset.id),
            versions: record.versions().map(VersionView::from).collect(),
        }
    }
}

impl From<&Version> for VersionView {
    fn from(version: &Version) -> Self {
        let asset = &version.asset;
        Self {
            digest: asset.digest.to_string(),
            width: asset.width,
            height: asset.height,
            bytes: asset.bytes,
            added: rfc3339(version.added),
            content: format!("/v1/assets/{}/content?digest={}", asset.id, asset.digest),
        }
    }
}

/// One page of assets, sorted by id.
#[derive(Serialize, ToSchema)]
pub struct AssetPage {
    pub assets: Vec<AssetView>,
    /// Pass it as `cursor` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<AssetIdSchema>)]
    pub next: Option<String>,
}

/// Which assets to list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListParams {
    /// Only this kind.
    #[param(value_type = Option<KindSchema>)]
    pub kind: Option<Kind>,
    /// Only those with this tag.
    pub tag: Option<String>,
    /// Where the last page ended.
    #[param(value_type = Option<AssetIdSchema>)]
    pub cursor: Option<AssetId>,
    /// Most assets on the page, 1 to 500; 100 unless said.
    #[param(minimum = 1, maximum = 500)]
    pub limit: Option<usize>,
}

impl TryFrom<Query> for ListParams {
    type Error = Error;

    fn try_from(query: Query) -> Result<Self, Error> {
        let limit = |limit: &str| limit.parse().ok().filter(|limit| (1..=500).contains(limit));
        Ok(Self {
            kind: query.get("kind", kind, KINDS)?,
            tag: query.value("tag").map(str::to_owned),
            cursor: query.get("cursor", |id| id.parse().ok(), "the `next` of a page")?,
            limit: query.get("limit", limit, "a whole number, 1 to 500")?,
        })
    }
}

/// Which rendition of an asset.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ContentParams {
    /// Width of a smaller rendition in pixels, 1 to 8192; never larger than the asset.
    #[param(minimum = 1, maximum = 8192)]
    pub w: Option<u32>,
    /// A version by its digest, all 64 digits.
    #[param(value_type = Option<DigestSchema>)]
    pub digest: Option<Digest>,
}

impl TryFrom<Query> for ContentParams {
    type Error = Error;

    fn try_from(query: Query) -> Result<Self, Error> {
        let width = |width: &str| width.parse().ok().filter(|width| (1..=8192).contains(width));
        Ok(Self {
            w: query.get("w", width, "a whole number of pixels, 1 to 8192")?,
            digest: query.get("digest", |digest| digest.parse().ok(), "64 hex digits")?,
        })
    }
}

/// A recipe to render, explain or sign.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecipeBody {
    /// The URL form, `/c/tabby;w=800/top-hat.png`, or the same as an object.
    #[schema(value_type = RecipeSchema)]
    pub recipe: Value,
    /// What an `auto` format is chosen from; like the header.
    pub accept: Option<String>,
}

impl TryFrom<&Value> for RecipeBody {
    type Error = FieldError;

    fn try_from(json: &Value) -> Result<Self, FieldError> {
        let fields = Fields::of(json, "", &["recipe", "accept"])?;
        Ok(Self {
            recipe: fields.demand("recipe", |recipe| Some(recipe.clone()), RECIPE_FORMS)?,
            accept: fields.get("accept", text, "a string like the header `Accept`")?,
        })
    }
}

const RECIPE_FORMS: &str = "a recipe, as a path or as an object";

/// The URL form as a string, or an object.
#[derive(ToSchema)]
#[schema(as = Recipe)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes the two forms of compositor::Recipe")]
pub enum RecipeSchema {
    Url(RecipePathSchema),
    Object(RecipeObjectSchema),
}

/// A recipe in parts.
#[derive(ToSchema)]
#[schema(as = RecipeObject)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the JSON of compositor::Recipe")]
pub struct RecipeObjectSchema {
    base: BaseSchema,
    #[serde(default)]
    #[schema(max_items = 16)]
    layers: Vec<LayerSchema>,
    #[serde(default)]
    format: RequestedFormatSchema,
}

/// The name of a base, or an object with its `id` and its parameters.
#[derive(ToSchema)]
#[schema(as = Base)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes the JSON of compositor::Base")]
pub enum BaseSchema {
    Name(AssetRefSchema),
    Object(BaseObjectSchema),
}

/// The name of a layer, or an object with its `id` and its parameters.
#[derive(ToSchema)]
#[schema(as = Layer)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes the JSON of compositor::Layer")]
pub enum LayerSchema {
    Name(LayerNameSchema),
    Object(LayerObjectSchema),
}

/// A base with the parameters of the URL under the same names, each a string or a number.
#[derive(ToSchema)]
#[schema(as = BaseObject)]
#[expect(dead_code, reason = "describes the JSON of compositor::Base")]
pub struct BaseObjectSchema {
    id: AssetRefSchema,
}

/// A layer with the parameters of the URL under the same names, each a string or a number. Of `~text`, `text` is the
/// text itself.
#[derive(ToSchema)]
#[schema(as = LayerObject)]
#[expect(dead_code, reason = "describes the JSON of compositor::Layer")]
pub struct LayerObjectSchema {
    id: LayerNameSchema,
}

/// What a composite is encoded as.
#[derive(ToSchema)]
#[schema(as = Format, rename_all = "lowercase")]
#[expect(dead_code, reason = "describes compositor::Format")]
pub enum FormatSchema {
    Png,
    Jpg,
    Webp,
    Avif,
}

/// What a composite is to be encoded as; `auto` is chosen from what the caller accepts.
#[derive(Default, ToSchema)]
#[schema(as = RequestedFormat, rename_all = "lowercase")]
#[expect(dead_code, reason = "describes compositor::Requested")]
pub enum RequestedFormatSchema {
    #[default]
    Auto,
    Png,
    Jpg,
    Webp,
    Avif,
}

/// A finished composite.
#[derive(Serialize, ToSchema)]
pub struct CompositeView {
    #[schema(value_type = CompositeKeySchema)]
    pub key: String,
    /// The canonical recipe, its format resolved.
    #[schema(value_type = RecipePathSchema)]
    pub recipe: String,
    /// By key: kept for ever.
    pub immutable: String,
    #[schema(value_type = FormatSchema)]
    pub format: String,
    pub width: u32,
    pub height: u32,
    pub bytes: u64,
    /// Dominant colour, `#rrggbb`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^#[0-9a-f]{6}$")]
    pub colour: Option<String>,
    /// `ThumbHash`, base64: a blurred stand-in of about 25 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thumbhash: Option<String>,
    /// Content digests of what was drawn.
    #[schema(value_type = Vec<DigestSchema>)]
    pub ingredients: Vec<String>,
    /// When it was rendered.
    #[schema(format = DateTime)]
    pub created: String,
    /// Deliveries that this origin remembers.
    pub hits: u64,
}

impl From<Link> for CompositeView {
    fn from(link: Link) -> Self {
        let (colour, thumbhash) = link.placeholder.map(|p| (p.colour, p.thumbhash)).unzip();
        Self {
            key: link.key.to_string(),
            recipe: link.recipe,
            immutable: format!("/i/{}.{}", link.key, link.format.extension()),
            format: link.format.extension().to_owned(),
            width: link.width,
            height: link.height,
            bytes: link.bytes,
            colour,
            thumbhash,
            ingredients: link.ingredients.iter().map(ToString::to_string).collect(),
            created: rfc3339(link.created),
            hits: link.hits,
        }
    }
}

/// What a recipe means, without rendering it.
#[derive(Serialize, ToSchema)]
pub struct Explanation {
    /// The canonical recipe as given.
    #[schema(value_type = RecipePathSchema)]
    pub canonical: String,
    /// The canonical recipe with its format resolved.
    #[schema(value_type = RecipePathSchema)]
    pub recipe: String,
    #[schema(value_type = CompositeKeySchema)]
    pub key: String,
    pub immutable: String,
    #[schema(value_type = FormatSchema)]
    pub format: String,
    pub width: u32,
    pub height: u32,
    /// Can the answer never change? Every asset is pinned, and no anchor or focal point is used: those may be edited.
    pub pinned: bool,
    /// Are the bytes the same wherever they are rendered?
    pub portable: bool,
    /// Predicted working memory of the render.
    pub working_bytes: u64,
    /// Every asset that the recipe names.
    pub ingredients: Vec<IngredientView>,
    pub cache: CacheView,
}

impl Explanation {
    /// The part of the explanation that needs only the plan.
    pub fn new(canonical: String, plan: &Plan, ingredients: Vec<IngredientView>, cache: CacheView) -> Self {
        let (width, height) = plan.canvas();
        Self {
            canonical,
            recipe: plan.canonical_path(),
            key: plan.key().to_string(),
            immutable: plan.immutable_path(),
            format: plan.format().extension().to_owned(),
            width,
            height,
            pinned: plan.is_pinned(),
            portable: plan.lossless_everywhere(),
            working_bytes: plan.working_bytes(),
            ingredients,
            cache,
        }
    }
}

/// One asset that a recipe names.
#[derive(Serialize, ToSchema)]
pub struct IngredientView {
    /// Where the recipe names it (RFC 6901).
    pub pointer: String,
    /// The asset as named.
    pub asset: String,
    /// Content digest of the version that is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<DigestSchema>)]
    pub digest: Option<String>,
}

/// Where the composite is already.
#[derive(Serialize, ToSchema)]
pub struct CacheView {
    pub memory: bool,
    pub link: bool,
    pub object: bool,
}

/// A recipe to sign.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignBody {
    /// As for `POST /v1/composites`.
    #[schema(value_type = RecipeSchema)]
    pub recipe: Value,
    /// Unix seconds; absent: the URL never expires.
    #[schema(maximum = 9_007_199_254_740_991_i64)]
    pub expires: Option<u64>,
    /// The same as seconds from now; not both.
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    pub expires_in: Option<u64>,
    /// Id of the signing key; the first unless said.
    pub key: Option<String>,
}

impl TryFrom<&Value> for SignBody {
    type Error = FieldError;

    fn try_from(json: &Value) -> Result<Self, FieldError> {
        let fields = Fields::of(json, "", &["recipe", "expires", "expires_in", "key"])?;
        Ok(Self {
            recipe: fields.demand("recipe", |recipe| Some(recipe.clone()), RECIPE_FORMS)?,
            expires: fields.get("expires", whole, "Unix seconds")?,
            expires_in: fields.get("expires_in", positive, "a whole number of seconds, from 1")?,
            key: fields.get("key", text, "the id of a signing key")?,
        })
    }
}

/// Which composites to purge: one of these.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PurgeBody {
    /// Those drawn from this asset, whichever version.
    #[schema(value_type = Option<AssetIdSchema>)]
    asset: Option<AssetId>,
    /// Those drawn from this content: a version of an asset.
    #[schema(value_type = Option<DigestSchema>)]
    digest: Option<Digest>,
    /// Those drawn from assets that have this tag.
    tag: Option<String>,
    /// This one.
    #[schema(value_type = Option<CompositeKeySchema>)]
    key: Option<CompositeKey>,
    /// What this recipe means now, in every format that it may have.
    #[schema(value_type = Option<RecipeSchema>)]
    recipe: Option<Value>,
}

const PURGE_FIELDS: [&str; 5] = ["asset", "digest", "tag", "key", "recipe"];

impl TryFrom<&Value> for PurgeBody {
    type Error = FieldError;

    fn try_from(json: &Value) -> Result<Self, FieldError> {
        let fields = Fields::of(json, "", &PURGE_FIELDS)?;
        Ok(Self {
            asset: fields.get("asset", parsed, "the id of an asset")?,
            digest: fields.get("digest", parsed, "64 hex digits")?,
            tag: fields.get("tag", text, "a string")?,
            key: fields.get("key", parsed, "40 hex digits")?,
            recipe: fields.get("recipe", |recipe| Some(recipe.clone()), RECIPE_FORMS)?,
        })
    }
}

impl PurgeBody {
    /// What it names.
    pub fn target(self) -> Result<Target, Error> {
        let recipe = self.recipe.map(|recipe| Recipe::from_json(&recipe)).transpose()?;
        let targets = [
            self.asset.map(Target::Asset),
            self.digest.map(Target::Digest),
            self.tag.map(Target::Tag),
            self.key.map(Target::Key),
            recipe.map(|recipe| Target::Recipe(Box::new(recipe))),
        ];
        let mut given = targets.into_iter().flatten();
        match (given.next(), given.next()) {
            (Some(target), None) => Ok(target),
            _ => Err(Error::malformed("", format!("give one of `{}`", PURGE_FIELDS.join("`, `")))),
        }
    }
}

/// A string that is something.
fn parsed<T: FromStr>(value: &Value) -> Option<T> {
    value.as_str()?.parse().ok()
}

/// What a purge dropped.
#[derive(Serialize, ToSchema)]
pub struct PurgeView {
    /// How many composites.
    pub composites: usize,
    /// How many objects of theirs were in the store.
    pub objects: usize,
    /// How many are left, because there was no more time; the same call goes on with them.
    pub remaining: usize,
    /// The keys of the first 1000.
    #[schema(value_type = Vec<CompositeKeySchema>)]
    pub keys: Vec<String>,
}

/// A signed URL.
#[derive(Serialize, ToSchema)]
pub struct SignedView {
    /// The public URL, or the path where the origin knows no public URL.
    pub url: String,
    pub path: String,
    pub key: String,
    pub signature: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<u64>,
}

/// A problem document (RFC 9457).
#[derive(ToSchema)]
#[schema(as = Problem)]
#[expect(dead_code, reason = "describes http::error::Problem as it is written")]
pub struct ProblemSchema {
    /// `/docs#problem-…`
    r#type: String,
    title: String,
    status: u16,
    detail: Option<String>,
    /// The path that was asked for.
    instance: String,
    /// The place in the recipe or the body that is at fault (RFC 6901).
    pointer: Option<String>,
}
