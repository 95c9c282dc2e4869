# A small image: the binary on a base without a shell or a package manager, run by a user without rights.
#
#   docker build -t eros-points .
#   docker run -v eros-points:/data -p 127.0.0.1:21100:21100 -e EROS_POINTS_INSECURE=true eros-points
#
# See docs/RUNNING.md, "Container".

FROM rust:1.95-bookworm AS build
WORKDIR /build
COPY . .
# The caches stay with the builder; what is copied out of them is all that the next stage sees.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo build --release --locked --bin eros-points \
    && cp target/release/eros-points /eros-points \
    && mkdir /data

# glibc and libgcc of the same Debian release that it was built on, and a user `nonroot` (65532).
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /eros-points /usr/bin/eros-points
COPY --from=build --chown=nonroot:nonroot /data /data

# Inside a container loopback is of no use. Without API keys the service refuses this address, unless it is told
# EROS_POINTS_INSECURE=true: do that only where the port is published to this machine alone.
ENV EROS_POINTS_LISTEN=0.0.0.0:21100 \
    EROS_POINTS_DATA_DIR=/data
USER nonroot
WORKDIR /data
VOLUME /data
EXPOSE 21100
STOPSIGNAL SIGTERM
# The binary asks itself: there is no other tool in the image. Recovery of a long log takes a while, and is no illness.
HEALTHCHECK --interval=10s --timeout=5s --start-period=10m --start-interval=1s --retries=3 \
    CMD ["/usr/bin/eros-points", "health"]
ENTRYPOINT ["/usr/bin/eros-points"]
CMD ["serve"]
