//! Undo and redo: the recipes somebody went through. A run of small steps of one kind (nudging a hat with the arrow
//! keys) counts as one.

use compositor::Recipe;

use super::edit::Part;

/// Steps of one kind this close together are one step, in milliseconds.
const RUN_MS: f64 = 900.0;
/// Steps that can be taken back; older ones are forgotten.
const DEPTH: usize = 200;

/// The recipe of now, and those before and after it.
#[derive(Clone, Debug)]
pub struct History {
    past: Vec<Recipe>,
    present: Recipe,
    future: Vec<Recipe>,
    last: Option<(Step, f64)>,
}

/// What kind of step this is, for those that come in runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Stands by itself.
    Single,
    /// One of many on this layer.
    Run(usize),
    /// One of many in this field.
    Field(Part, &'static str),
}

impl History {
    pub fn new(present: Recipe) -> Self {
        History { past: Vec::new(), present, future: Vec::new(), last: None }
    }

    pub fn present(&self) -> &Recipe {
        &self.present
    }

    pub fn can_undo(&self) -> bool {
        !self.past.is_empty()
    }

    pub fn can_redo(&self) -> bool {
        !self.future.is_empty()
    }

    /// Make `recipe` the present. `now_ms` is any clock that only goes forward. No change is no step.
    pub fn commit(&mut self, recipe: Recipe, step: Step, now_ms: f64) {
        if recipe == self.present {
            return;
        }
        let before = std::mem::replace(&mut self.present, recipe);
        let continues = matches!(self.last, Some((last, at)) if last == step && step != Step::Single && now_ms - at < RUN_MS);
        if !continues {
            self.past.push(before);
            if self.past.len() > DEPTH {
                self.past.remove(0);
            }
        }
        self.last = Some((step, now_ms));
        self.future.clear();
    }

    /// One step back; says whether there was one.
    pub fn undo(&mut self) -> bool {
        self.last = None;
        let Some(recipe) = self.past.pop() else { return false };
        self.future.push(std::mem::replace(&mut self.present, recipe));
        true
    }

    /// One step forward again; says whether there was one.
    pub fn redo(&mut self) -> bool {
        self.last = None;
        let Some(recipe) = self.future.pop() else { return false };
        self.past.push(std::mem::replace(&mut self.present, recipe));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(x: u32) -> Recipe {
        Recipe::parse(&format!("/c/tabby;w={x}.png")).unwrap()
    }

    #[test]
    fn steps_go_back_and_forth_and_a_new_one_forgets_the_future() {
        let mut history = History::new(recipe(1));
        history.commit(recipe(2), Step::Single, 0.0);
        history.commit(recipe(3), Step::Single, 1.0);
        assert!(history.undo() && history.undo() && !history.undo());
        assert_eq!(history.present(), &recipe(1));
        assert!(history.redo());
        history.commit(recipe(4), Step::Single, 2.0);
        assert!(!history.can_redo() && history.can_undo());
        assert!(history.undo());
        assert_eq!(history.present(), &recipe(2));
    }

    #[test]
    fn a_run_of_nudges_is_one_step() {
        let mut history = History::new(recipe(1));
        for (width, at) in [(2, 0.0), (3, 100.0), (4, 200.0)] {
            history.commit(recipe(width), Step::Run(0), at);
        }
        history.commit(recipe(5), Step::Run(1), 300.0);
        history.commit(recipe(6), Step::Run(1), 5000.0);
        assert!(history.undo());
        assert_eq!(history.present(), &recipe(5));
        assert!(history.undo());
        assert_eq!(history.present(), &recipe(4));
        assert!(history.undo());
        assert_eq!(history.present(), &recipe(1));
        assert!(!history.can_undo());
    }

    #[test]
    fn no_change_is_no_step() {
        let mut history = History::new(recipe(1));
        history.commit(recipe(1), Step::Single, 0.0);
        assert!(!history.can_undo());
    }
}
