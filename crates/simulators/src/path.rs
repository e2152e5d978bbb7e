//! Paths as a careless server reads them, which is what a client must reckon with.

use percent_encoding::percent_decode_str;

/// The one raw segment after `prefix`, decoded once. None when there are more segments, or none.
pub(crate) fn identifier(path: &str, prefix: &str) -> Option<String> {
    let segment = path.strip_prefix(prefix)?.strip_prefix('/')?;
    (!segment.is_empty() && !segment.contains('/')).then(|| decoded(segment))
}

/// The path's segments after decoding: `%2F` has become a separator, dot segments are resolved,
/// empty ones merged.
pub(crate) fn resolved(path: &str) -> Vec<String> {
    let mut segments = Vec::new();
    for segment in decoded(path).split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            name => segments.push(name.to_owned()),
        }
    }
    segments
}

/// Removes the `;name=value` parameters of each segment, like a servlet container.
pub(crate) fn without_parameters(path: &str) -> String {
    let bare = path
        .split('/')
        .map(|segment| segment.split_once(';').map_or(segment, |(name, _)| name));
    bare.collect::<Vec<_>>().join("/")
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifier_is_one_segment_decoded_once() {
        assert_eq!(
            identifier("/tokens/a%2Fb", "/tokens").as_deref(),
            Some("a/b")
        );
        assert_eq!(
            identifier("/tokens/a%252Fb", "/tokens").as_deref(),
            Some("a%2Fb")
        );
        assert_eq!(identifier("/tokens/a/b", "/tokens"), None);
        assert_eq!(identifier("/tokens/", "/tokens"), None);
        assert_eq!(identifier("/tokens", "/tokens"), None);
    }

    #[test]
    fn dot_segments_are_resolved_after_decoding() {
        assert_eq!(resolved("/a/b/../c/./d//"), ["a", "c", "d"]);
        assert_eq!(resolved("/a/%2e%2e/b"), ["b"]);
        assert_eq!(resolved("/a/..%2Fb"), ["b"]);
        assert_eq!(resolved("/../.."), Vec::<String>::new());
    }

    #[test]
    fn parameters_are_cut_from_every_segment() {
        assert_eq!(without_parameters("/a;x=1/b;y/c"), "/a/b/c");
    }
}
