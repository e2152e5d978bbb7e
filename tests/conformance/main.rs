//! What every adapter must do, whichever vendor it speaks to: one suite, instantiated for each.
//!
//! Each case asks the real gateway over a real socket, in front of a simulator of the vendor, and looks at
//! both ends: exactly what was answered, and exactly what was and was not sent. A new adapter is one
//! [`Fixture`](introspectd_tests::Fixture) and one line at the end of this file.

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
                    of_any_length_that_is_allowed,
                    ends_at_its_second,
                    ends_at_its_second_in_the_cache,
                    past_its_end_in_a_good_state,
                    revoked,
                    unknown,
                    not_good,
                    asked_again_within_the_reuse_is_a_hit,
                    slow_is_waited_for,
                    formatting_and_unknown_members_mean_nothing,
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
                    a_required_member_is_missing,
                    a_deciding_member_is_of_the_wrong_type,
                    a_deciding_member_stands_twice,
                    about_another_token,
                }
                secrets {
                    secret_members_are_never_answered,
                    the_presented_token_is_never_answered,
                    our_credential_is_never_answered,
                }
                revocations {
                    a_revoked_token_is_inactive_at_once,
                    a_confirmed_revocation_holds_although_the_vendor_goes_on_showing_it,
                    an_unconfirmed_revocation_does_not_hold,
                    what_is_gone_already_is_done,
                    what_the_vendor_does_not_confirm_is_told_and_out_of_the_cache,
                    revocations_count_towards_the_limit_of_requests,
                    nothing_that_no_url_can_carry_is_sent,
                }
                adapter_revocations {
                    taken_back_and_not_active_any_more,
                    taken_back_twice,
                    unknown_is_as_good_as_done,
                    documented_answers_are_done,
                    undocumented_answers_are_not_done,
                    a_refusal_is_not_done,
                    html_of_a_wrong_address_is_not_done,
                    a_redirect_is_not_followed,
                    a_broken_exchange_is_not_repeated,
                    hostile_identifiers_are_done_without_asking,
                    only_the_one_way_is_there,
                }
                paths {
                    hostile_identifiers_stay_in_their_place,
                    identifiers_out_of_the_ordinary_arrive_as_they_are,
                    nothing_empty_or_too_long_is_sent,
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
}
