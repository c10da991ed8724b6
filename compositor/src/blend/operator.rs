//! The Porter-Duff operators as numbers: how much of source and backdrop each leaves (section 9.1).

use crate::recipe::Operator;

/// `Fa = source + source_backdrop · αb` and `Fb = backdrop + backdrop_source · αs`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Fractions {
    pub source: f32,
    pub source_backdrop: f32,
    pub backdrop: f32,
    pub backdrop_source: f32,
}

impl Fractions {
    /// Fa, the fraction of the source that is kept.
    pub fn of_source(&self, alpha_backdrop: f32) -> f32 {
        self.source + self.source_backdrop * alpha_backdrop
    }

    /// Fb, the fraction of the backdrop that is kept.
    pub fn of_backdrop(&self, alpha_source: f32) -> f32 {
        self.backdrop + self.backdrop_source * alpha_source
    }

    /// Is the backdrop kept where there is no source?
    pub fn keeps_uncovered(&self) -> bool {
        self.backdrop > 0.0
    }

    /// Is the result opaque wherever the backdrop is, whatever the source's alpha? αs·Fa + Fb ≥ 1 where αb = 1.
    pub fn keeps_opaque(&self) -> bool {
        self.backdrop >= 1.0 && self.source + self.source_backdrop + self.backdrop_source >= 0.0
    }
}

/// The fractions of an operator.
pub(crate) fn fractions(operator: Operator) -> Fractions {
    let (source, source_backdrop, backdrop, backdrop_source) = match operator {
        Operator::Clear => (0, 0, 0, 0),
        Operator::Copy => (1, 0, 0, 0),
        Operator::Destination => (0, 0, 1, 0),
        Operator::SourceOver => (1, 0, 1, -1),
        Operator::DestinationOver => (1, -1, 1, 0),
        Operator::SourceIn => (0, 1, 0, 0),
        Operator::DestinationIn => (0, 0, 0, 1),
        Operator::SourceOut => (1, -1, 0, 0),
        Operator::DestinationOut => (0, 0, 1, -1),
        Operator::SourceAtop => (0, 1, 1, -1),
        Operator::DestinationAtop => (1, -1, 0, 1),
        Operator::Xor => (1, -1, 1, -1),
        // Both in full, the sum held below 1 (section 9.1.13).
        Operator::PlusLighter => (1, 0, 1, 0),
    };
    let number = |n: i8| f32::from(n);
    Fractions {
        source: number(source),
        source_backdrop: number(source_backdrop),
        backdrop: number(backdrop),
        backdrop_source: number(backdrop_source),
    }
}
