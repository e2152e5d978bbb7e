use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, HeaderValue};
use introspectd_service::Resource;

/// Schemes of challenges to the client, by which it learns where the metadata is.
const SCHEMES: [&[u8]; 2] = [b"Bearer", b"DPoP"];

/// Adds `resource_metadata` to the challenges (RFC 9728 section 5.1). Those to the proxy stay.
pub(super) fn point_to_metadata(headers: &mut HeaderMap, resource: &Resource) {
    let url = resource.metadata_url();
    let challenges = headers
        .iter_mut()
        .filter(|(name, _)| **name == WWW_AUTHENTICATE);
    for (_, challenge) in challenges {
        let mut words = challenge.as_bytes().splitn(2, |byte| *byte == b' ');
        let scheme = words.next().unwrap_or_default();
        if !SCHEMES.contains(&scheme) {
            continue;
        }
        let before: &[u8] = if words.next().is_some() { b", " } else { b" " };
        // A URL has neither quotes nor backslashes.
        let parameter = format!("resource_metadata=\"{url}\"");
        let text = [challenge.as_bytes(), before, parameter.as_bytes()].concat();
        if let Ok(value) = HeaderValue::from_bytes(&text) {
            *challenge = value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_of_the_client_point_to_the_metadata() {
        let resource = Resource {
            identifier: "https://api.example/orders".to_owned(),
            path: "/orders".to_owned(),
            origin: "https://api.example".to_owned(),
            authorization_servers: Vec::new(),
        };
        let url = "https://api.example/.well-known/oauth-protected-resource/orders";
        let parameter = format!("resource_metadata=\"{url}\"");
        let mut headers = HeaderMap::new();
        for challenge in [
            "Bearer",
            "DPoP algs=\"ES256\"",
            "Introspectd-Caller realm=\"x\"",
        ] {
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        point_to_metadata(&mut headers, &resource);
        let challenges: Vec<_> = headers.get_all(WWW_AUTHENTICATE).iter().collect();
        let expected = [
            format!("Bearer {parameter}"),
            format!("DPoP algs=\"ES256\", {parameter}"),
            "Introspectd-Caller realm=\"x\"".to_owned(),
        ];
        assert_eq!(challenges, expected.each_ref().map(|it| it.as_bytes()));
    }
}
