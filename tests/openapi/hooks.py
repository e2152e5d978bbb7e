"""Body of a media type that schemathesis does not know: a signed token, as it is."""

import schemathesis


@schemathesis.serializer("application/secevent+jwt")
def security_event(ctx, value):
    # What is no text is to be refused as no token.
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")
