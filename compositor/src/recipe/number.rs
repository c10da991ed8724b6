//! Numbers of a recipe: fixed-point decimals, so that equal numbers are equal bits on every target.

use std::fmt;

/// A decimal number kept to 4 places, as a count of ten-thousandths.
///
/// ```
/// use compositor::recipe::Decimal;
/// assert_eq!(Decimal::parse("-8.50").unwrap().to_string(), "-8.5");
/// assert_eq!(Decimal::parse("1e3"), None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Decimal(i64);

/// Whole digits that a number may have; far above every range of the grammar, far below overflow.
const MAX_WHOLE_DIGITS: usize = 9;
const UNIT: i64 = 10_000;

impl Decimal {
    /// 0
    pub const ZERO: Decimal = Decimal(0);
    /// 1
    pub const ONE: Decimal = Decimal(UNIT);

    /// From a count of ten-thousandths.
    pub const fn from_ten_thousandths(count: i64) -> Self {
        Decimal(count)
    }

    /// From a whole number.
    pub const fn whole(n: i32) -> Self {
        Decimal(n as i64 * UNIT)
    }

    /// The nearest decimal to a float; `None` if it is not finite or too large.
    pub fn nearest(value: f64) -> Option<Self> {
        (value.is_finite() && value.abs() < 1e9).then(|| Decimal(libm::round(value * UNIT as f64) as i64))
    }

    /// Reads a plain decimal: an optional `-`, digits, optionally `.` and digits. No exponent, no `+`.
    /// Places past the fourth are rounded, halves away from zero.
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = match digits.split_once('.') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (digits, ""),
        };
        let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty()) || !all_digits(whole) || !all_digits(fraction) {
            return None;
        }
        if whole.trim_start_matches('0').len() > MAX_WHOLE_DIGITS {
            return None;
        }
        let whole = whole.bytes().fold(0, |n, b| n * 10 + i64::from(b - b'0'));
        let place = |i: usize| fraction.as_bytes().get(i).map_or(0, |b| i64::from(b - b'0'));
        let kept = (0..4).fold(0, |n, i| n * 10 + place(i));
        let count = whole * UNIT + kept + i64::from(place(4) >= 5);
        Some(Decimal(if negative { -count } else { count }))
    }

    /// As a float; exact enough that printing and reading it again gives the same decimal.
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / UNIT as f64
    }

    /// As a count of ten-thousandths.
    pub const fn ten_thousandths(self) -> i64 {
        self.0
    }

    /// The same direction in degrees, above -180 and up to 180.
    #[must_use]
    pub fn normal_degrees(self) -> Self {
        let turn = 360 * UNIT;
        let positive = self.0.rem_euclid(turn);
        Decimal(if positive > turn / 2 { positive - turn } else { positive })
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let count = self.0.unsigned_abs();
        let (whole, rest) = (count / UNIT as u64, count % UNIT as u64);
        if rest == 0 {
            return write!(f, "{sign}{whole}");
        }
        let places = format!("{rest:04}");
        write!(f, "{sign}{whole}.{}", places.trim_end_matches('0'))
    }
}

/// A length: a fraction of a canvas side, or CSS pixels (`px`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Length {
    /// Fraction of the canvas side that the parameter names.
    Fraction(Decimal),
    /// CSS pixels; one CSS pixel is `dpr` device pixels.
    Px(Decimal),
}

impl Length {
    /// No length; `0` and `0px` are the same.
    pub const ZERO: Length = Length::Fraction(Decimal::ZERO);

    /// Reads a decimal with or without `px`.
    pub fn parse(text: &str) -> Option<Self> {
        let length = match text.strip_suffix("px") {
            Some(number) => Length::Px(Decimal::parse(number)?),
            None => Length::Fraction(Decimal::parse(text)?),
        };
        Some(if length.number() == Decimal::ZERO { Length::ZERO } else { length })
    }

    /// The number without its unit.
    pub fn number(self) -> Decimal {
        match self {
            Length::Fraction(n) | Length::Px(n) => n,
        }
    }

    /// In device pixels, of a canvas side of `side` device pixels at `dpr` device pixels per CSS pixel.
    pub fn device_px(self, side: f64, dpr: f64) -> f64 {
        match self {
            Length::Fraction(n) => n.to_f64() * side,
            Length::Px(n) => n.to_f64() * dpr,
        }
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Length::Fraction(n) => n.fmt(f),
            Length::Px(n) => write!(f, "{n}px"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_print_in_their_shortest_form() {
        for (given, printed) in [
            ("1", "1"),
            ("01.50", "1.5"),
            (".5", "0.5"),
            ("-0", "0"),
            ("-0.0", "0"),
            ("0.00004", "0"),
            ("0.00005", "0.0001"),
            ("-8.12345", "-8.1235"),
            ("999999999", "999999999"),
            ("000000000012", "12"),
        ] {
            assert_eq!(Decimal::parse(given).map(|d| d.to_string()).as_deref(), Some(printed), "{given}");
        }
    }

    #[test]
    fn only_plain_decimals_are_numbers() {
        for given in [
            "",
            "-",
            ".",
            "1.",
            "+1",
            "1e3",
            "0x1",
            "NaN",
            "inf",
            "1,5",
            " 1",
            "1 ",
            "--1",
            "1.2.3",
            "9999999999",
            "١",
        ] {
            assert_eq!(Decimal::parse(given), None, "{given}");
        }
    }

    #[test]
    fn degrees_have_one_spelling_each() {
        for (given, normal) in
            [("352", "-8"), ("-180", "180"), ("180", "180"), ("720.5", "0.5"), ("-190", "170")]
        {
            assert_eq!(Decimal::parse(given).unwrap().normal_degrees().to_string(), normal);
        }
    }

    #[test]
    fn no_length_has_no_unit() {
        assert_eq!(Length::parse("0px"), Some(Length::ZERO));
        assert_eq!(Length::parse("-12.50px").unwrap().to_string(), "-12.5px");
        assert_eq!(Length::parse("12p"), None);
    }
}
