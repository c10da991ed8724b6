//! What a job renders: a list of recipes, or a matrix of bases, overlays, sizes and formats that is multiplied out only
//! as it is worked off. It is read from JSON field by field, so that a refusal names the element.

use compositor::Recipe;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::fields::{FieldError, Fields, positive};

/// Recipes, numbered from 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Work {
    Recipes(Vec<Value>),
    Matrix(Matrix),
}

/// Every base with every overlay in every size and format.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Matrix {
    /// Names, or objects with `id` and parameters.
    bases: Vec<Value>,
    /// Each a layer, or a list of layers drawn together.
    overlays: Vec<Value>,
    /// Parameters for the base: `w`, `h` and whatever else.
    sizes: Vec<Value>,
    formats: Vec<Value>,
}

/// When a job stops before its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// Composites rendered; those that were there cost nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renders: Option<u64>,
    /// Bytes of what was rendered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Seconds since it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
}

const MATRIX: [&str; 4] = ["bases", "overlays", "sizes", "formats"];
const ARRAY: &str = "an array that is not empty";
const WHOLE: &str = "a whole number from 1";

impl Work {
    /// Reads `recipes` or `matrix` of a body.
    pub fn read(fields: &Fields<'_>) -> Result<Self, FieldError> {
        let recipes = fields.get("recipes", filled, ARRAY)?;
        let matrix = fields.get("matrix", |matrix| Some(matrix.clone()), "an object")?;
        match (recipes, matrix) {
            (Some(recipes), None) => Ok(Self::Recipes(recipes)),
            (None, Some(matrix)) => {
                let fields = Fields::of(&matrix, "/matrix", &MATRIX)?;
                let or = |name, usual: Value| {
                    Ok::<_, FieldError>(fields.get(name, filled, ARRAY)?.unwrap_or_else(|| vec![usual]))
                };
                Ok(Self::Matrix(Matrix {
                    bases: fields.demand("bases", filled, ARRAY)?,
                    overlays: or("overlays", json!([]))?,
                    sizes: or("sizes", json!({}))?,
                    formats: fields.demand("formats", filled, ARRAY)?,
                }))
            }
            _ => Err(refused("", "give `recipes` or `matrix`")),
        }
    }

    /// How many recipes.
    pub fn total(&self) -> u64 {
        match self {
            Self::Recipes(recipes) => recipes.len() as u64,
            Self::Matrix(matrix) => {
                matrix.sides().map(|side| side.len() as u64).into_iter().fold(1, u64::saturating_mul)
            }
        }
    }

    /// A recipe by its number.
    pub fn recipe(&self, number: u64) -> Result<Recipe, FieldError> {
        match self {
            Self::Recipes(recipes) => {
                let given = usize::try_from(number).ok().and_then(|number| recipes.get(number));
                parse(given.unwrap_or(&Value::Null), &format!("/recipes/{number}"))
            }
            Self::Matrix(matrix) => matrix.recipe(matrix.place(number)),
        }
    }

    /// Recipes in which every element stands at least once, each with where that element is: when all of them are sound,
    /// so is every other. There are as many as the lists are long together, however large the matrix.
    pub fn samples(&self) -> Box<dyn Iterator<Item = (String, Result<Recipe, FieldError>)> + '_> {
        match self {
            Self::Recipes(recipes) => {
                Box::new((0..recipes.len()).map(|i| (format!("/recipes/{i}"), self.recipe(i as u64))))
            }
            Self::Matrix(matrix) => Box::new(MATRIX.iter().zip(matrix.sides()).enumerate().flat_map(
                move |(side, (name, elements))| {
                    (0..elements.len()).map(move |i| {
                        let mut place = [0; 4];
                        place[side] = i;
                        (format!("/matrix/{name}/{i}"), matrix.recipe(place))
                    })
                },
            )),
        }
    }
}

impl Matrix {
    fn sides(&self) -> [&[Value]; 4] {
        [&self.bases, &self.overlays, &self.sizes, &self.formats]
    }

    /// Where a number stands; the last side turns fastest, so that what is alike is rendered one after the other.
    fn place(&self, mut number: u64) -> [usize; 4] {
        let mut place = [0; 4];
        for (place, side) in place.iter_mut().zip(self.sides()).rev() {
            *place = (number % side.len() as u64) as usize;
            number /= side.len() as u64;
        }
        place
    }

    fn recipe(&self, [base, overlay, size, format]: [usize; 4]) -> Result<Recipe, FieldError> {
        let layers = match &self.overlays[overlay] {
            Value::Array(layers) => layers.clone(),
            one => vec![one.clone()],
        };
        let base = sized(&self.bases[base], &self.sizes[size]).ok_or_else(|| {
            refused(&format!("/matrix/sizes/{size}"), "a size is an object such as {\"w\": 800}")
        })?;
        let recipe = json!({"base": base, "layers": layers, "format": self.formats[format]});
        parse(&recipe, &format!("/matrix/formats/{format}"))
    }
}

/// A base with the parameters of a size.
fn sized(base: &Value, size: &Value) -> Option<Value> {
    let mut element = match base {
        Value::Object(element) => element.clone(),
        name => Map::from_iter([("id".to_owned(), name.clone())]),
    };
    element.extend(size.as_object()?.clone());
    Some(Value::Object(element))
}

/// `auto` is a question to a browser, and there is none here.
fn parse(recipe: &Value, pointer: &str) -> Result<Recipe, FieldError> {
    let recipe = Recipe::from_json(recipe).map_err(|error| refused(pointer, &error.to_string()))?;
    if recipe.is_auto() {
        return Err(refused(pointer, "a job's recipe names its format: `png`, `jpg`, `webp` or `avif`"));
    }
    Ok(recipe)
}

impl Budget {
    /// Reads `budget` of a body; without one nothing is bounded.
    pub fn read(fields: &Fields<'_>) -> Result<Self, FieldError> {
        let Some(budget) = fields.get("budget", |budget| Some(budget.clone()), "an object")? else {
            return Ok(Self::default());
        };
        let fields = Fields::of(&budget, "/budget", &["renders", "bytes", "seconds"])?;
        let count = |name| fields.get(name, positive, WHOLE);
        Ok(Self { renders: count("renders")?, bytes: count("bytes")?, seconds: count("seconds")? })
    }
}

fn filled(value: &Value) -> Option<Vec<Value>> {
    value.as_array().filter(|array| !array.is_empty()).cloned()
}

fn refused(pointer: &str, detail: &str) -> FieldError {
    FieldError { pointer: pointer.to_owned(), detail: detail.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &Value) -> Result<Work, FieldError> {
        Work::read(&Fields::of(body, "", &["recipes", "matrix"])?)
    }

    fn paths(work: &Work) -> Vec<String> {
        (0..work.total()).map(|number| work.recipe(number).unwrap().to_path()).collect()
    }

    #[test]
    fn a_matrix_is_multiplied_out_in_order() {
        let body = json!({"matrix": {
            "bases": ["cat", {"id": "dog", "fit": "contain"}],
            "overlays": ["hat", ["hat", {"id": "bow", "scale": 0.5}], []],
            "sizes": [{"w": 20}],
            "formats": ["png", "jpg"],
        }});
        let work = read(&body).unwrap();
        let paths = paths(&work);
        assert_eq!((work.total(), paths.len()), (12, 12));
        assert_eq!(
            paths[..5],
            [
                "/c/cat;w=20/hat.png",
                "/c/cat;w=20/hat.jpg",
                "/c/cat;w=20/hat/bow;scale=0.5.png",
                "/c/cat;w=20/hat/bow;scale=0.5.jpg",
                "/c/cat;w=20.png"
            ]
        );
        assert!(paths[6].starts_with("/c/dog;"), "{}", paths[6]);
        assert_eq!(work.samples().count(), 2 + 3 + 1 + 2);
        assert!(work.samples().all(|(_, recipe)| recipe.is_ok()));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (body, pointer, says) in [
            (json!({}), "", "`recipes` or `matrix`"),
            (json!({"recipes": []}), "/recipes", "not empty"),
            (json!({"matrix": {"bases": ["cat"]}}), "/matrix/formats", "missing"),
            (
                json!({"matrix": {"bases": ["cat"], "formats": ["png"], "size": [1]}}),
                "/matrix/size",
                "did you mean `sizes`",
            ),
        ] {
            let error = read(&body).unwrap_err();
            assert!(error.pointer == pointer && error.detail.contains(says), "{error:?}");
        }
        let bad =
            json!({"matrix": {"bases": ["cat"], "sizes": [{"w": 1}, {"w": 0}], "formats": ["png", "auto"]}});
        let bad = read(&bad).unwrap();
        let wrong: Vec<_> = bad.samples().filter(|(_, recipe)| recipe.is_err()).map(|(at, _)| at).collect();
        assert_eq!(wrong, ["/matrix/sizes/1", "/matrix/formats/1"]);
    }
}
