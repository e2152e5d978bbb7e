//! Requirements on every adapter: one suite, instantiated for each vendor.
//!
//! Each case asks the real gateway over a real socket, in front of a simulator of the vendor, and
//! looks at both ends: exactly what was answered, and exactly what was and was not sent. A new
//! adapter is one [`Fixture`](introspectd_tests::Fixture) and one line at the end of this file.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its own functions included"
)]

mod adapter_lists;
mod adapter_revocations;
mod answers;
mod bindings;
mod breaks;
mod health;
mod malformed;
mod particulars;
mod paths;
mod refusals;
mod revocations;
mod revoked_here;
mod secrets;

macro_rules! conformance {
    ($($adapter:ident: $vendor:ident),* $(,)?) => { $(
        mod $adapter {
            conformance! { @ $vendor
                answers {
                    active,
                    minimal,
                    null_is_absent,
                    active_token_of_any_allowed_length,
                    ends_at_its_second,
                    ends_at_its_second_in_the_cache,
                    expired_token_in_a_good_state,
                    revoked,
                    unknown,
                    not_good,
                    repeated_request_within_the_ttl_is_a_hit,
                    slow_response_is_awaited,
                    formatting_and_unknown_members_are_ignored,
                }
                refusals {
                    status_401,
                    status_403,
                    status_429,
                    status_429_with_retry_after,
                    status_500,
                    status_501,
                    status_502,
                    status_503,
                    status_503_with_retry_after,
                    status_504,
                    undocumented_status_of_success,
                    undocumented_400,
                    undocumented_404,
                    undocumented_statuses_of_the_client,
                    undocumented_answers_of_the_vendor,
                    redirect,
                }
                breaks {
                    hanging,
                    hang_up,
                    reset,
                    refused,
                    truncated,
                    not_json,
                    html,
                    empty,
                    array,
                    no_object,
                    more_than_one_object,
                    five_mebibytes,
                    one_byte_too_many,
                }
                malformed {
                    missing_required_member,
                    deciding_member_of_a_wrong_type,
                    repeated_deciding_member,
                    about_another_token,
                }
                secrets {
                    secret_members_are_never_answered,
                    presented_token_is_never_answered,
                    provider_credential_is_never_answered,
                }
                health {
                    refused_credentials_are_unhealthy_until_they_are_accepted,
                    revocations_count_for_health,
                }
                revocations {
                    revoked_token_is_inactive_at_once,
                    confirmed_revocation_holds_while_the_vendor_still_shows_the_token,
                    unconfirmed_revocation_does_not_hold,
                    revocation_of_a_vanished_token_succeeds,
                    failed_revocation_is_an_error_and_still_purges,
                    revocations_count_towards_the_limit_of_requests,
                    identifiers_unfit_for_a_url_are_not_sent,
                }
                adapter_revocations {
                    revoked_token_is_inactive_at_the_vendor,
                    second_revocation_succeeds,
                    revocation_of_an_unknown_token_succeeds,
                    documented_revocation_responses_succeed,
                    undocumented_revocation_responses_fail,
                    refused_revocation_is_an_error,
                    html_response_is_not_a_revocation,
                    redirect_of_a_revocation_is_not_followed,
                    failed_revocation_requests_are_not_retried,
                    hostile_identifiers_are_revoked_without_a_request,
                    unsupported_revocations_are_refused,
                }
                paths {
                    hostile_identifiers_stay_one_path_segment,
                    unusual_identifiers_arrive_unchanged,
                    empty_and_oversized_identifiers_are_not_sent,
                }
            }
        }
    )* };
    (@ $vendor:ident $($group:ident { $($case:ident),* $(,)? })*) => { $($(
        #[tokio::test]
        async fn $case() {
            crate::$group::$case::<introspectd_tests::$vendor>().await;
        }
    )*)* };
}

conformance! {
    passport: Passport,
    tibco_asg: TibcoAsg,
    apigee: Apigee,
    rfc7662: Rfc7662,
    jwt: Jwt,
    described: Described,
}
