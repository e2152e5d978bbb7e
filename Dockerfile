# introspectd alone: the simulators and the demo are no part of the image.
#
#   docker build --tag introspectd --build-arg INTROSPECTD_REVISION="$(git rev-parse HEAD)" .
#   docker run --read-only --publish 8080:8080 \
#     --volume ./introspectd.toml:/etc/introspectd/introspectd.toml:ro introspectd
#
# In a container the configuration must listen on every address: `[listen] api = ["0.0.0.0:8080"]`. The admin
# listener is asked by the health check from inside; publish it only to the machinery that watches it.

FROM rust:1.95-slim-bookworm AS build
WORKDIR /source
COPY . .
# Label `revision` of introspectd_build_info.
ARG INTROSPECTD_REVISION=unknown
RUN INTROSPECTD_REVISION="$INTROSPECTD_REVISION" cargo build --release --locked --package introspectd --features otlp

# No shell and no package manager: the C library, the certificate authorities and the program.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /source/target/release/introspectd /usr/local/bin/introspectd
EXPOSE 8080 9090
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s \
  CMD ["/usr/local/bin/introspectd", "health", "--admin", "127.0.0.1:9090"]
ENTRYPOINT ["/usr/local/bin/introspectd"]
CMD ["serve", "--config", "/etc/introspectd/introspectd.toml"]
