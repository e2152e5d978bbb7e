//! Strangers that ask for much at once.

use std::sync::atomic::Ordering::Relaxed;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{GET, Served};

#[tokio::test]
async fn many_requests_of_a_stranger_let_another_connection_go_first() {
    let served = Served {
        says: "short",
        ..Served::default()
    };
    let mut stranger = served.connect();
    let mut other = served.connect();
    stranger.write_all(&GET.repeat(1000)).await.unwrap();
    other.write_all(GET).await.unwrap();
    assert!(other.read(&mut [0; 1024]).await.unwrap() > 0);
    let of_the_stranger = served.asked.load(Relaxed) - 1;
    assert!(
        of_the_stranger <= 4,
        "{of_the_stranger} of its requests came first"
    );
}
