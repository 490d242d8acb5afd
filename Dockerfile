# One image, built in two stages: Rust and a C compiler in the first, and in the second nothing
# but the binary, what it links to, and what it reads.
#
#     docker compose up --build --detach
#     docker cp example_data/inserts/users.csv app:/app/imports

FROM rust:1-bookworm AS build

# OpenSSL's headers, for the libpq that is compiled into the binary.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libssl-dev \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /build
COPY . .

# The dependencies are compiled once and kept in the two caches, from one build to the next, also
# when Cargo.lock changes. The touch is for the caches' sake: Cargo goes by the time of a file, and
# COPY keeps the times of the checkout, which may be older than what another one left behind.
RUN --mount=type=cache,id=hayloft-cargo,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,id=hayloft-target,target=/build/target,sharing=locked \
    find . -path ./target -prune -o -type f -exec touch {} + \
    && cargo build --release --locked --bin hayloft \
    && install -D --strip target/release/hayloft /out/hayloft


FROM debian:bookworm-slim

RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates libssl3 \
    && rm -rf /var/lib/apt/lists/*

# By number, so that it is the same user to whatever looks from outside. It owns the imports and
# nothing else; the rest of /app is root's, and Hayloft only reads it.
RUN groupadd --gid 10001 hayloft \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /app --shell /usr/sbin/nologin hayloft \
    && install --directory --owner=10001 --group=10001 --mode=0755 /app/imports

COPY --from=build /out/hayloft /usr/local/bin/hayloft
WORKDIR /app
COPY hayloft.toml ./
# For people and for Diesel's command line; the binary carries its own copy.
COPY migrations migrations

# After the directory was made: a new volume takes over its owner and its mode.
#
# `docker cp FILE app:/app/imports` writes as root and keeps the file's mode. That is enough:
# to rename and to delete a file, Hayloft needs to write the *directory* (which it owns; there is
# no sticky bit), and to read it, that the file is readable for others, as usual (0644). `docker cp
# --archive` keeps the file's owner too, and the same holds. A file of mode 0600 cannot be read:
# `chmod o+r` it, and copy it again.
VOLUME /app/imports

USER 10001:10001

# Healthy means: the database answers and has Hayloft's tables.
HEALTHCHECK --interval=30s --timeout=5s --start-period=15s --retries=3 \
    CMD ["hayloft", "status"]

ENTRYPOINT ["hayloft"]
CMD ["watch"]
