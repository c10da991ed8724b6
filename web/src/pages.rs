//! Whole pages: the studio, and those that stand alone where there is no studio to show.

#[cfg(feature = "ssr")]
pub mod alone;
pub mod studio;
