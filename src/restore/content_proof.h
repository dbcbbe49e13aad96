// SPDX-License-Identifier: GPL-2.0-or-later
//
// Whether what is restored is the content that it should be.
//
// A full image says of each byte of the disk what it is, so its content is hashed while it passes
// by, whatever is done with it. Of an increment that is applied, only what it changes passes by;
// but its target has been read before, to see whether it is the right one. What is not known for
// sure at the end is read where it was written. So nothing is read twice, unless it came in an
// order in which it cannot be hashed.

#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "qcow2stream/proof.h"
#include "qcow2stream/restore.h"
#include "qcow2stream/target.h"
#include "restore/content_record.h"
#include "restore/worker_pool.h"

namespace qcow2stream {

// An image whose content is about to come.
struct ProvenImage {
  std::string name;
  std::uint64_t size = 0;  // of its disk, in bytes
  std::optional<ImageRoots> roots;
  // What it leaves out is what was there before it.
  bool is_increment = false;
  // No other follows.
  bool is_last = true;
};

// Belongs to one thread. Throws Error.
class ContentProof {
 public:
  // All must outlive it.
  ContentProof(const RestoreOptions& options, WorkerPool& workers)
      : options_(options), expected_(options.expected), workers_(workers) {}

  // Before anything of an image is written. The first is applied to what `target` holds where the
  // options say so. Throws Error{kMismatch} for a target that holds something else, an image that
  // is not an increment of the one before it, and a manifest of another disk.
  void begin_image(Target* target, const ProvenImage& image);
  // How long the content was that the target is known to have held before the first image.
  [[nodiscard]] std::optional<std::uint64_t> base_length() const { return base_length_; }
  // To be told of all content of the image; null where nobody wants to know.
  [[nodiscard]] ContentRecord* record() { return record_ ? &*record_ : nullptr; }
  // All has come. `own` is the image's own root, if that is there.
  void end_image(const std::optional<ImageRoots>& roots);

  // All images have come. What is not known is read from `target`, if there is one. Throws
  // Error{kDamaged} where the content is another one.
  void finish(Target* target);

  // In place of all that: this is what the image holds.
  void prove(const ProvenImage& image, const std::shared_ptr<ManifestBuilder>& content);

  // The digests of all of it, after finish(), if they were made.
  [[nodiscard]] std::shared_ptr<ManifestBuilder> content() const { return content_; }

 private:
  [[nodiscard]] bool is_anything_expected() const {
    return expected_.manifest != nullptr || expected_.root || expected_.hash;
  }
  [[nodiscard]] bool has_own_root() const {
    return !expected_.ignore_own && image_.roots && image_.roots->names_root;
  }
  // The target is changed, and not only compared.
  [[nodiscard]] bool is_written() const {
    return options_.writing != RestoreOptions::Writing::kNothing;
  }
  [[nodiscard]] unsigned chunk_bits() const;
  [[nodiscard]] unsigned recorded_chunk_bits(bool can_be_read) const;
  void check_length() const;
  void check_link();
  void check_base(Target& target);
  [[nodiscard]] std::shared_ptr<ManifestBuilder> read(Target& target, std::uint64_t length) const;
  [[nodiscard]] std::atomic<std::uint64_t>* begin_reading(std::uint64_t length) const;
  void know_base(std::shared_ptr<ManifestBuilder> content);
  void check_base_root(Target& target);
  void check_base_manifest(Target& target);
  [[noreturn]] void throw_not_the_base(const Target& target, const std::string& reason) const;
  void learn_rest(Target* target);
  [[noreturn]] void throw_not_its_root(const std::string& what) const;
  void check_own(const ManifestBuilder& content) const;
  void check_root(const ManifestBuilder& content) const;
  void check_manifest(const ManifestBuilder& content) const;

  const RestoreOptions& options_;
  const ExpectedContent& expected_;
  WorkerPool& workers_;
  std::optional<ContentRecord> record_;
  std::shared_ptr<ManifestBuilder> content_;
  ProvenImage image_;  // the last one that has begun
  bool has_begun_ = false;
  bool has_followers_ = false;  // more than one image has begun
  std::optional<std::uint64_t> base_length_;
  std::optional<ContentDigest> root_before_;  // of what the images before it make
  std::string name_before_;
};

}  // namespace qcow2stream
