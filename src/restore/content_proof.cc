// SPDX-License-Identifier: GPL-2.0-or-later

#include "restore/content_proof.h"

#include <fmt/format.h>

#include <atomic>
#include <utility>
#include <vector>

#include "qcow2stream/error.h"
#include "qcow2stream/progress.h"
#include "restore/target_content.h"

namespace qcow2stream {
namespace {

std::string size_text(unsigned chunk_bits) {
  return chunk_bits >= 20 ? fmt::format("{} MiB", 1U << (chunk_bits - 20))
                          : fmt::format("{} KiB", 1U << (chunk_bits - 10));
}

}  // namespace

unsigned ContentProof::chunk_bits() const {
  if (expected_.manifest != nullptr) return expected_.manifest->header().chunk_bits;
  if (expected_.base != nullptr) return expected_.base->header().chunk_bits;
  return expected_.chunk_bits;
}

void ContentProof::begin_image(Target* target, const ProvenImage& image) {
  const bool is_first = !std::exchange(has_begun_, true);
  image_ = image;
  if (image.is_last) check_length();
  if (!is_first) {
    check_link();
    has_followers_ = true;
    if (!record_) return;
    if (image.is_increment) return record_->resize(image.size);
    // It says of each byte what it is.
    record_.emplace(image.size, record_->content()->chunk_bits(), ContentRecord::Before::kZeros);
    return;
  }
  if (image.is_increment && target != nullptr) {
    if (is_written()) check_base(*target);
    return;
  }
  // By itself, an increment can be held against a manifest only.
  if (!is_anything_expected() && (image.is_increment || !has_own_root())) return;
  record_.emplace(
      image.size, recorded_chunk_bits(target != nullptr && is_written()),
      image.is_increment ? ContentRecord::Before::kUnknown : ContentRecord::Before::kZeros);
}

// Where nobody can look at what an increment has changed in part, the smallest chunks are the ones
// of which most have changed as a whole.
unsigned ContentProof::recorded_chunk_bits(bool can_be_read) const {
  return can_be_read || image_.is_increment || image_.is_last ? chunk_bits() : kFewestChunkBits;
}

void ContentProof::check_length() const {
  if (expected_.manifest == nullptr) return;
  const Manifest& manifest = *expected_.manifest;
  if (manifest.header().length == image_.size) return;
  throw Error(ErrorKind::kMismatch, manifest.name(),
              fmt::format("is not a manifest of what {} holds", image_.name),
              fmt::format("its disk has {} bytes, not {}", manifest.header().length, image_.size))
      .about(ErrorSubject::kManifest);
}

// --- chains -------------------------------------------------------------------------------------

void ContentProof::check_link() {
  if (expected_.ignore_own || !image_.roots || !image_.roots->parent || !root_before_) return;
  const ContentDigest& parent = *image_.roots->parent;
  if (parent == *root_before_) return;
  throw Error(ErrorKind::kMismatch, image_.name,
              fmt::format("is not an increment of what {} makes", name_before_),
              fmt::format("that has the root {}, and its parent {}", root_text(*root_before_),
                          root_text(parent)))
      .about(ErrorSubject::kImage);
}

void ContentProof::end_image(const std::optional<ImageRoots>& roots) {
  image_.roots = roots;
  name_before_ = image_.name;
  root_before_.reset();
  if (record_) record_->end_image();
  if (record_ && record_->knows_all()) {
    if (!image_.is_last) check_own(*record_->content());
    root_before_ = record_->content()->root();
  } else if (roots && roots->own && !expected_.ignore_own) {
    root_before_ = roots->own;
  }
}

// --- what an increment is applied to ------------------------------------------------------------

void ContentProof::throw_not_the_base(const Target& target, const std::string& reason) const {
  const bool has_both = expected_.base != nullptr && expected_.manifest != nullptr;
  throw Error(ErrorKind::kMismatch, target.name(),
              fmt::format("does not hold what {} is an increment of", image_.name), reason)
      .about(ErrorSubject::kTarget)
      .advise(has_both ? Advice::kNone : Advice::kTrustTarget);
}

void ContentProof::check_base(Target& target) {
  if (expected_.trust_target) return;
  if (expected_.base != nullptr) return check_base_manifest(target);
  if (!expected_.ignore_own && image_.roots && image_.roots->parent) check_base_root(target);
}

std::shared_ptr<ManifestBuilder> ContentProof::read(Target& target, std::uint64_t length) const {
  auto content = std::make_shared<ManifestBuilder>(length, chunk_bits());
  TargetContent(target, length, chunk_bits(), workers_, begin_reading(length))
      .read_all([&](std::uint64_t chunk, const ContentDigest& digest, unsigned /*thread*/) {
        content->set(chunk, digest);
      });
  return content;
}

// Where it is counted what is read of the target before anything is written.
std::atomic<std::uint64_t>* ContentProof::begin_reading(std::uint64_t length) const {
  Progress* progress = options_.progress;
  if (progress == nullptr || progress->emit_total > 0) return nullptr;
  progress->check_total += length;
  return &progress->check_done;
}

void ContentProof::know_base(std::shared_ptr<ManifestBuilder> content) {
  base_length_ = content->length();
  record_.emplace(std::move(content));
  record_->resize(image_.size);
}

// A file is as long as its disk. A device may be longer, so two lengths come into question.
void ContentProof::check_base_root(Target& target) {
  const ContentDigest& parent = *image_.roots->parent;
  const std::uint64_t has = content_length(target);
  const std::uint64_t length = target.traits().size ? std::min(has, image_.size) : has;
  auto content = read(target, length);
  ContentDigest root = content->root();
  if (root != parent && has != length) {
    auto whole = read(target, has);
    if (whole->root() == parent) {
      content = std::move(whole);
      root = parent;
    }
  }
  if (root == parent) {
    know_base(std::move(content));
    return;
  }
  if (root == expected_.root || (image_.roots->own && root == *image_.roots->own)) {
    throw_not_the_base(target, "it holds already what that makes of it");
  }
  const bool may_be_longer = target.traits().size && length == image_.size;
  throw_not_the_base(
      target, fmt::format("its root is {}, not {}{}", root_text(root), root_text(parent),
                          may_be_longer ? " (or the base was smaller; its manifest says it)" : ""));
}

// With the manifest of what comes out of it, too, the increment may have been applied in part: what
// it does not change must be that of the base, and the rest is proven at the end.
void ContentProof::check_base_manifest(Target& target) {
  const Manifest& base = *expected_.base;
  const ManifestHeader& header = base.header();
  if (image_.roots && image_.roots->parent && !expected_.ignore_own &&
      *image_.roots->parent != header.root) {
    throw Error(ErrorKind::kMismatch, base.name(),
                fmt::format("is not a manifest of what {} is an increment of", image_.name),
                fmt::format("its root is {}, not {}", root_text(header.root),
                            root_text(*image_.roots->parent)))
        .about(ErrorSubject::kManifest);
  }
  const Manifest* after = expected_.manifest.get();
  if (after != nullptr && after->header().chunk_bits != header.chunk_bits) {
    throw Error(ErrorKind::kMismatch, after->name(),
                fmt::format("cannot be compared with {}", base.name()),
                "the chunks of one are larger than those of the other")
        .about(ErrorSubject::kManifest);
  }
  const std::uint64_t has = content_length(target);
  // Where it has broken off, a file may have its new size already.
  const std::uint64_t length = header.length;
  if (has < (after != nullptr ? std::min(length, after->header().length) : length)) {
    throw_not_the_base(target, fmt::format("it has {} bytes, not {}", has, length));
  }
  std::atomic<std::uint64_t> wrong = 0;
  std::atomic<std::uint64_t> first = UINT64_MAX;
  auto before = cursors_of(base, workers_);
  std::vector<Manifest::Cursor> afterwards;
  if (after != nullptr) afterwards = cursors_of(*after, workers_);
  auto content = std::make_shared<ManifestBuilder>(length, header.chunk_bits);
  TargetContent(target, length, header.chunk_bits, workers_, begin_reading(length))
      .read_all([&](std::uint64_t chunk, const ContentDigest& digest, unsigned thread) {
        content->set(chunk, digest);
        const ContentDigest was = before[thread].at(chunk).digest;
        if (digest == was) return;
        const bool is_changed = after != nullptr && (chunk >= after->chunk_count() ||
                                                     afterwards[thread].at(chunk).digest != was);
        if (is_changed) return;
        ++wrong;
        for (std::uint64_t least = first; chunk < least;) {
          if (first.compare_exchange_weak(least, chunk)) break;
        }
      });
  if (wrong != 0) {
    throw_not_the_base(target,
                       fmt::format("{} of {} chunks of {} are not those of {}, the first at {}",
                                   wrong.load(), base.chunk_count(), size_text(header.chunk_bits),
                                   base.name(), first.load() << header.chunk_bits));
  }
  know_base(std::move(content));
}

// --- the end ------------------------------------------------------------------------------------

void ContentProof::learn_rest(Target* target) {
  if (!record_) {
    if (target == nullptr || !target->traits().can_be_read) {
      throw Error(ErrorKind::kFailed, image_.name, "its content cannot be proven",
                  "not all of it has been seen, and what was written cannot be read")
          .about(ErrorSubject::kImage);
    }
    record_.emplace(read(*target, image_.size));
    return;
  }
  if (record_->knows_all() || !record_->knows_by_default()) return;
  if (target == nullptr || !target->traits().can_be_read) {
    throw Error(ErrorKind::kFailed, image_.name, "its content cannot be proven",
                has_followers_
                    ? "an increment changes parts of 64 KiB only in part, and the rest of them is "
                      "not there any more; give the images as files"
                    : "it came in such an order that it could not be hashed, and what was written "
                      "cannot be read")
        .about(ErrorSubject::kImage);
  }
  const ChunkSet missing = record_->exceptions();
  TargetContent(*target, image_.size, record_->content()->chunk_bits(), workers_)
      .read(missing, [&](std::uint64_t chunk, const ContentDigest& digest, unsigned /*thread*/) {
        record_->learn(chunk, digest);
      });
}

void ContentProof::finish(Target* target) {
  if (has_own_root() && !image_.roots->own) {
    throw_not_its_root("has something else in the place of its own root");
  }
  // Where the target was trusted, to prove what comes of it would take reading all of it.
  const bool is_trusted = expected_.trust_target && options_.apply;
  const bool proves_own = has_own_root() && (record_ || (is_written() && !is_trusted));
  if (target == nullptr && !record_) return;
  if (!is_anything_expected() && !proves_own) return;
  const bool can_learn = target != nullptr && is_written();
  if (!is_anything_expected() && has_followers_ && !can_learn && !record_->knows_all()) return;
  learn_rest(is_written() || !record_ ? target : nullptr);
  if (record_->knows_all() && record_->content()->chunk_bits() < chunk_bits()) {
    record_.emplace(std::make_shared<ManifestBuilder>(record_->content()->coarser(chunk_bits())));
  }
  const ManifestBuilder& content = *record_->content();
  if (record_->knows_all()) {
    content_ = record_->content();
    if (proves_own) check_own(content);
    if (expected_.root) check_root(content);
  } else if (expected_.root || expected_.hash) {
    throw Error(ErrorKind::kFailed, image_.name, "its content is not known",
                "it is an increment, and what it was made of is not there")
        .about(ErrorSubject::kImage);
  }
  if (expected_.manifest != nullptr) check_manifest(content);
}

void ContentProof::prove(const ProvenImage& image,
                         const std::shared_ptr<ManifestBuilder>& content) {
  image_ = image;
  check_length();
  record_.emplace(content);
  finish(nullptr);
}

void prove_content(const std::string& name, const std::shared_ptr<ManifestBuilder>& content,
                   const ExpectedContent& expected, const std::optional<ImageRoots>& roots) {
  const RestoreOptions options{.threads = 1, .expected = expected};
  WorkerPool workers(options.threads);
  ContentProof(options, workers)
      .prove({.name = name, .size = content->length(), .roots = roots}, content);
}

void ContentProof::throw_not_its_root(const std::string& what) const {
  throw Error(ErrorKind::kDamaged, image_.name, what,
              "it was written to since that was made, or is damaged")
      .about(ErrorSubject::kImage)
      .advise(Advice::kIgnoreOwnRoot);
}

void ContentProof::check_own(const ManifestBuilder& content) const {
  if (!has_own_root()) return;
  if (image_.roots->own && *image_.roots->own == content.root()) return;
  throw_not_its_root("does not hold what its own root says");
}

void ContentProof::check_root(const ManifestBuilder& content) const {
  const ContentDigest root = content.root();
  if (root == *expected_.root) return;
  throw Error(ErrorKind::kDamaged, image_.name, "does not hold what was expected",
              fmt::format("its root is {}", root_text(root)))
      .about(ErrorSubject::kImage);
}

void ContentProof::check_manifest(const ManifestBuilder& content) const {
  const Manifest& manifest = *expected_.manifest;
  const ManifestHeader& header = manifest.header();
  if (record_->knows_all() && content.root() == header.root) return;
  std::uint64_t wrong = 0;
  std::uint64_t first = 0;
  std::uint64_t known = 0;
  Manifest::Cursor cursor(manifest);
  const auto compare = [&](std::uint64_t chunk) {
    ++known;
    if (cursor.at(chunk).digest == content.digest(chunk)) return;
    if (wrong++ == 0) first = chunk;
  };
  if (record_->knows_by_default()) {
    for (std::uint64_t chunk = 0; chunk < manifest.chunk_count(); ++chunk) compare(chunk);
  } else {
    record_->exceptions().for_each(compare);
  }
  if (wrong == 0) return;
  throw Error(ErrorKind::kDamaged, image_.name,
              fmt::format("does not hold what {} says", manifest.name()),
              fmt::format("{} of {} chunks of {} differ, the first at {}", wrong, known,
                          size_text(header.chunk_bits), first << header.chunk_bits))
      .about(ErrorSubject::kImage)
      .at(first << header.chunk_bits);
}

}  // namespace qcow2stream
