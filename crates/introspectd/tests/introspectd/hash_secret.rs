use crate::client::{ask, basic};
use crate::program::{Ended, Folder, run};
use crate::server::Server;

/// SHA-256 of `edge-secret`.
const DIGEST: &str = "0b863617d30f02eb2cc8e2f26787bdf34a19a06b7ab72c7da72185ed734fce13";

async fn hash(secret: impl AsRef<[u8]>) -> Ended {
    let mut command = Folder::new().command();
    command.current_dir("/").arg("hash-secret");
    run(command, secret).await
}

#[tokio::test]
async fn the_digest_is_that_of_the_text_without_its_line_break() {
    for secret in ["edge-secret", "edge-secret\n", "edge-secret\r\n"] {
        assert_eq!(
            hash(secret).await.with(0).stdout,
            format!("{DIGEST}\n"),
            "{secret:?}"
        );
    }
    let of_abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n";
    assert_eq!(hash("abc").await.stdout, of_abc);
}

#[tokio::test]
async fn white_space_within_a_secret_is_part_of_it() {
    assert_ne!(hash(" abc").await.with(0).stdout, hash("abc").await.stdout);
    assert_ne!(hash("abc ").await.with(0).stdout, hash("abc").await.stdout);
}

#[tokio::test]
async fn no_secret_is_wrong_usage() {
    for nothing in [&b""[..], b"\n", b"\xff\xfe"] {
        let ended = hash(nothing).await.with(2);
        assert!(ended.stderr.contains("standard input"), "{}", ended.stderr);
        assert_eq!(ended.stdout, "");
    }
}

#[tokio::test]
async fn a_caller_known_by_the_digest_shows_the_secret() {
    let digest = hash("edge-secret\n").await.stdout;
    let server = Server::start(&format!(
        "[listen]\napi = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n\
         [callers.edge]\nsecret = {{ sha256 = \"{}\" }}\n",
        digest.trim()
    ))
    .await;
    let status =
        async |authorization: &str| ask(&server.api(), authorization, "token=x").await.status;
    assert_eq!(status(&basic("edge", "edge-secret")).await, 200);
    assert_eq!(status("Bearer edge-secret").await, 200);
    assert_eq!(
        status(&basic("edge", digest.trim())).await,
        401,
        "the digest is no secret"
    );
    assert_eq!(status(&format!("Bearer {}", digest.trim())).await, 401);
}
