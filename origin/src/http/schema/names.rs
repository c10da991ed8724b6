//! The strings that name something, each with the pattern that the server holds it to: a generated client and whoever
//! tests the description know them from here.

use std::borrow::Cow;

use utoipa::openapi::{ObjectBuilder, RefOr, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

macro_rules! names {
    ($($schema:ident $name:literal $about:literal $pattern:literal $example:literal)+) => { $(
        #[doc = $about]
        pub struct $schema;

        impl PartialSchema for $schema {
            fn schema() -> RefOr<Schema> {
                let string = ObjectBuilder::new().schema_type(Type::String);
                string.description(Some($about)).pattern(Some($pattern)).examples([$example]).build().into()
            }
        }

        impl ToSchema for $schema {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed($name)
            }
        }
    )+ };
}

names! {
    AssetIdSchema "AssetId" "The name of an asset."
        "^[a-z0-9][a-z0-9-]{0,63}$" "tabby"
    DigestSchema "Digest" "BLAKE3 of an image, a level of it, or a font."
        "^[0-9a-f]{64}$" "6f0a3c9b1d5e7f2a4c8b0e6d9f1a3b5c7d9e0f2a4b6c8d0e1f3a5b7c9d0e2f4a"
    CompositeKeySchema "CompositeKey" "The key of a composite, which is its `ETag`."
        "^[0-9a-f]{40}$" "0123456789abcdef0123456789abcdef01234567"
    AssetRefSchema "AssetRef" "The name of an asset, and behind `@` 10 digits or more of a digest where one version is meant."
        "^[a-z0-9][a-z0-9-]{0,63}(@[0-9a-fA-F]{10,64})?$" "tabby"
    LayerNameSchema "LayerName" "The name of an asset as for a base, or of a generated layer."
        "^([a-z0-9][a-z0-9-]{0,63}(@[0-9a-fA-F]{10,64})?|~text|~fill)$" "top-hat"
    RecipePathSchema "RecipePath" "A recipe in its URL form."
        r"^/c/.+\.(auto|png|jpg|webp|avif)$" "/c/tabby;w=800/top-hat.png"
    TagSchema "Tag" "A word to find assets by: up to 64 characters without commas."
        r"^[^,\u0000-\u001f\u007f-\u009f]{1,64}$" "cat"
    JobIdSchema "JobId" "The name of a job."
        "^[0-9a-f]{20}$" "0123456789abcdef0123"
}

/// The bytes of a file.
pub struct BinarySchema;

impl PartialSchema for BinarySchema {
    fn schema() -> RefOr<Schema> {
        use utoipa::openapi::{KnownFormat, SchemaFormat};
        let format = SchemaFormat::KnownFormat(KnownFormat::Binary);
        ObjectBuilder::new().schema_type(Type::String).format(Some(format)).build().into()
    }
}

impl ToSchema for BinarySchema {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Binary")
    }
}
