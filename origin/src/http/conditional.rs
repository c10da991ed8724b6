//! Conditional requests (RFC 9110, section 13).

use axum::http::{HeaderMap, HeaderValue, header};

/// Does `If-None-Match` name this validator? The comparison is weak, as section 13.1.2 says. `*` never matches: it
/// asks whether anything is there, and answering that is the work a 304 saves.
pub fn has_current(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    headers.get_all(header::IF_NONE_MATCH).iter().any(|value| names(value, etag))
}

/// Do `If-Match` and `If-None-Match` let a resource with this validator (`None`: no resource) be changed?
pub fn admits_change(headers: &HeaderMap, current: Option<&HeaderValue>) -> bool {
    let mut unwanted = headers.get_all(header::IF_NONE_MATCH).iter();
    if current.is_some_and(|etag| unwanted.any(|value| value == "*" || names(value, etag))) {
        return false;
    }
    let mut wanted = headers.get_all(header::IF_MATCH).iter().peekable();
    if wanted.peek().is_none() {
        return true;
    }
    current.is_some_and(|etag| wanted.any(|value| value == "*" || names(value, etag)))
}

fn names(list: &HeaderValue, etag: &HeaderValue) -> bool {
    let Ok(etag) = etag.to_str() else { return false };
    // Most often there is one, spelled as we gave it.
    list == etag
        || list
            .to_str()
            .is_ok_and(|list| list.split(',').any(|one| one.trim().trim_start_matches("W/") == etag))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn a_list_weak_or_not_names_its_members() {
        let etag = HeaderValue::from_static("\"abc\"");
        for (value, current) in [
            ("\"abc\"", true),
            ("W/\"abc\"", true),
            ("\"x\", \"abc\"", true),
            ("\"abcd\"", false),
            ("*", false),
            ("abc", false),
        ] {
            assert_eq!(has_current(&headers(header::IF_NONE_MATCH, value), &etag), current, "{value}");
        }
    }

    #[test]
    fn changes_need_the_state_they_name() {
        let etag = HeaderValue::from_static("\"abc\"");
        let cases = [
            (header::IF_MATCH, "\"abc\"", true, false),
            (header::IF_MATCH, "\"old\"", false, false),
            (header::IF_MATCH, "*", true, false),
            (header::IF_NONE_MATCH, "*", false, true),
            (header::IF_NONE_MATCH, "\"abc\"", false, true),
            (header::IF_NONE_MATCH, "\"old\"", true, true),
        ];
        for (name, value, with, without) in cases {
            let headers = headers(name, value);
            assert_eq!(
                (admits_change(&headers, Some(&etag)), admits_change(&headers, None)),
                (with, without)
            );
        }
        assert!(admits_change(&HeaderMap::new(), None));
    }
}
