//! What the server knew when it wrote the page, carried in the page for the browser to start from: both halves render
//! the same first view from the same facts.

use compositor::Catalogue;
use serde::{Deserialize, Serialize};

/// Id of the script element that carries it.
pub const ELEMENT_ID: &str = "boot";

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Boot {
    pub catalogue: Catalogue,
    /// Base URL of pictures and of the API, for browsers.
    pub delivery: String,
    /// URL of the script that runs in a worker.
    pub worker: String,
    /// Canonical path of the recipe on the table.
    pub recipe: String,
    /// The layer in hand.
    pub selected: Option<usize>,
    pub notice: Option<Notice>,
    /// The field of a form that was sent with something that is not allowed there.
    pub wrong: Option<Wrong>,
    /// The address asks for something that makes no sense; it stays as it is until somebody changes something.
    pub wrong_address: bool,
}

/// A value that a field cannot have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wrong {
    /// `None`: a field of the whole picture.
    pub layer: Option<usize>,
    pub field: String,
    pub given: String,
    pub sentence: String,
}

/// Something the studio says above the picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    pub text: String,
    pub tone: Tone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tone {
    /// Good to know.
    Calm,
    /// Something did not work.
    Trouble,
}

impl Notice {
    pub fn calm(text: impl Into<String>) -> Self {
        Notice { text: text.into(), tone: Tone::Calm }
    }

    pub fn trouble(text: impl Into<String>) -> Self {
        Notice { text: text.into(), tone: Tone::Trouble }
    }
}

impl Boot {
    /// JSON that may stand inside a script element: no `<` ends it early.
    pub fn to_script(&self) -> Result<String, serde_json::Error> {
        Ok(serde_json::to_string(self)?.replace('<', "\\u003c"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_it_closes_the_script() {
        let boot = Boot {
            catalogue: Catalogue::new(vec![]),
            delivery: "http://127.0.0.1:8787".into(),
            worker: "/assets/worker.js".into(),
            recipe: "/c/tabby.png".into(),
            selected: None,
            notice: Some(Notice::trouble("</script><b>")),
            wrong: None,
            wrong_address: true,
        };
        let script = boot.to_script().unwrap();
        assert!(!script.contains('<'));
        let back: Boot = serde_json::from_str(&script).unwrap();
        assert_eq!(back.notice, boot.notice);
    }
}
