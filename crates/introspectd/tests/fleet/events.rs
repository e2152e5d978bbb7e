//! Events of a transmitter, pushed to one replica of three.

use introspectd_jose::{Algorithm, JwkSet, Signer};
use introspectd_redis_lab::{State, until};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::harness::{Fleet, Reply, Setting};

/// Transmitter whose keys are served.
struct Transmitter {
    signer: Signer,
    section: String,
}

const REVOKED: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";

impl Transmitter {
    async fn start() -> Self {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        let signer = Signer::from_pem(&pair.serialize_pem(), Algorithm::EdDsa).unwrap();
        let signer = signer.with_kid("one".to_owned());
        let set: JwkSet = [signer.jwk().clone()].into_iter().collect();
        let keys = serde_json::to_string(&set).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let response = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
             connection: close\r\n\r\n{keys}",
            keys.len()
        );
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    match stream.read_u8().await {
                        Ok(byte) => head.push(byte),
                        Err(_) => break,
                    }
                }
                let _ = stream.write_all(response.as_bytes()).await;
            }
        });
        let section = format!(
            "[events.idp]\nissuer = \"https://idp.example\"\naudience = [\"us\"]\n\
             jwks = {{ url = \"http://127.0.0.1:{port}/jwks\" }}\n"
        );
        Self { signer, section }
    }

    /// Fleet that takes its events.
    async fn fleet(&self) -> Fleet {
        let setting = Setting {
            provider: &self.section,
            ..Setting::default()
        };
        let fleet = Fleet::start_with(setting).await;
        for replica in &fleet.replicas {
            until("the keys are fetched", async || {
                let keys = "introspectd_events_keys{transmitter=\"idp\"}";
                replica.metric(keys).await == Some(1.0)
            })
            .await;
        }
        fleet
    }

    fn event(&self, jti: &str) -> String {
        let claims = json!({
            "iss": "https://idp.example", "aud": "us", "iat": 1_700_000_000, "jti": jti,
            "sub_id": {"format": "opaque", "id": "alice"}, "events": {REVOKED: {}},
        });
        let claims = claims.to_string();
        self.signer.sign("secevent+jwt", claims.as_bytes()).unwrap()
    }
}

impl Fleet {
    async fn push(&self, replica: usize, event: &str) -> Reply {
        let kind = "application/secevent+jwt";
        self.replicas[replica]
            .post("/events", kind, event.to_owned())
            .await
    }

    /// Has the token known at all replicas, and its provider deny it from then on.
    async fn warm_and_revoke(&self, token: &str) {
        self.issue(token);
        for replica in &self.replicas {
            assert!(replica.introspect(token).await.is_active());
        }
        self.provider.vendor().revoke(token);
    }

    async fn all_refuse(&self, token: &str) {
        for replica in &self.replicas {
            until("the event is in force", async || {
                !replica.introspect(token).await.is_active()
            })
            .await;
        }
    }

    async fn counted(&self, replica: usize, outcome: &str) -> Option<f64> {
        let metric =
            format!("introspectd_events_total{{transmitter=\"idp\",outcome=\"{outcome}\"}}");
        self.replicas[replica].metric(&metric).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn event_pushed_to_one_replica_purges_all_and_counts_once_in_the_fleet() {
    let transmitter = Transmitter::start().await;
    let fleet = transmitter.fleet().await;
    fleet.warm_and_revoke("pushed").await;
    let event = transmitter.event("set-1");
    let reply = fleet.push(0, &event).await;
    assert_eq!(reply.status, 202, "{reply:?}");
    fleet.all_refuse("pushed").await;

    // An honest resend, at another replica: nothing is purged.
    fleet.warm_and_revoke("later").await;
    assert_eq!(fleet.push(1, &event).await.status, 202);
    assert_eq!(fleet.counted(1, "repeated").await, Some(1.0));
    assert!(fleet.replicas[1].introspect("later").await.is_active());
    let forged = Transmitter::start().await.event("set-2");
    assert_eq!(fleet.push(2, &forged).await.status, 400);
    assert!(fleet.replicas[2].introspect("later").await.is_active());

    assert_eq!(fleet.push(2, &transmitter.event("set-2")).await.status, 202);
    fleet.all_refuse("later").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn event_without_redis_is_to_be_sent_again_and_then_counts() {
    let transmitter = Transmitter::start().await;
    let fleet = transmitter.fleet().await;
    fleet.warm_and_revoke("cut").await;
    fleet.replicas[0].wire.set(State::Cut);
    let event = transmitter.event("set-1");
    let reply = fleet.push(0, &event).await;
    assert_eq!(reply.status, 503, "{reply:?}");
    assert_eq!(reply.retry_after.as_deref(), Some("1"));
    assert_eq!(fleet.counted(0, "postponed").await, Some(1.0));

    fleet.replicas[0].wire.set(State::Whole);
    until("the event is accepted", async || {
        fleet.push(0, &event).await.status == 202
    })
    .await;
    assert_eq!(
        fleet.counted(0, "purged").await,
        Some(1.0),
        "it was not used up"
    );
    fleet.all_refuse("cut").await;
    assert_eq!(fleet.push(1, &event).await.status, 202);
    assert_eq!(fleet.counted(1, "repeated").await, Some(1.0));
}
