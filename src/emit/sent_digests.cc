// SPDX-License-Identifier: GPL-2.0-or-later

#include "emit/sent_digests.h"

#include <fmt/format.h>

#include <utility>

#include "qcow2stream/error.h"

namespace qcow2stream {
namespace {

// What of the content is hashed, and what becomes of the digests.
std::optional<ContentSent> content_sent(const Emitted& what, const EmitOptions& options) {
  if (options.content == nullptr && options.expected == nullptr) return std::nullopt;
  const bool compares = options.expected != nullptr;
  const ManifestBuilder& shape = compares ? *options.expected : *options.content;
  ContentSent sent{.length = shape.length(), .chunk_bits = shape.chunk_bits()};
  if (!compares) {
    sent.found = [to = options.content](std::uint64_t chunk, const ContentDigest& digest) {
      to->set(chunk, digest);
    };
    return sent;
  }
  sent.rest = [&what](GuestOffset offset, std::span<std::byte> buffer) {
    what.read_content(offset, buffer);
  };
  sent.found = [expected = options.expected, &disk = what.disk()](std::uint64_t chunk,
                                                                  const ContentDigest& digest) {
    if (digest == expected->digest(chunk)) return;
    const GuestRange range = chunk_range(chunk, expected->length(), expected->chunk_bits());
    throw Error(ErrorKind::kChanged, disk.name(), "changed while it was read",
                fmt::format("at offset {}", range.begin.value()))
        .about(ErrorSubject::kDisk);
  };
  return sent;
}

}  // namespace

SentDigests::SentDigests(const Emitted& what, const EmitOptions& options)
    : what_(what), learned_root_(options.content) {
  if (!options.digests.empty()) image_.emplace(options.digests);
  if (const auto content = content_sent(what, options)) {
    content_.emplace(*content, options.threads);
  }
}

void SentDigests::put(std::vector<std::byte> buffer, HostRange range) {
  if (!content_) {
    if (image_) image_->put(std::move(buffer), range.length);
    return;
  }
  if (image_) {
    auto copy = image_->take();
    copy.assign(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(range.length));
    image_->put(std::move(copy), range.length);
  }
  put_content(std::move(buffer), range);
}

void SentDigests::put_content(std::vector<std::byte> buffer, HostRange range) {
  parts_.clear();
  const auto segments = what_.segments(range);
  while (const auto segment = segments->next()) {
    if (segment->kind != Segment::Kind::kDisk) continue;
    parts_.push_back({.offset = segment->disk_offset,
                      .at = segment->range.begin - range.begin,
                      .length = segment->range.length});
  }
  content_->put(std::move(buffer), parts_);
}

void SentDigests::end_content(std::vector<std::byte> buffer, HostRange range) {
  if (content_) {
    put_content(std::move(buffer), range);
    content_->finish();
  }
  if (learned_root_ != nullptr) what_.learn_root(learned_root_->root());
}

std::vector<Digest> SentDigests::finish(std::span<const std::byte> last) {
  if (!image_) return {};
  auto buffer = image_->take();
  buffer.assign(last.begin(), last.end());
  image_->put(std::move(buffer), last.size());
  return image_->finish();
}

}  // namespace qcow2stream
