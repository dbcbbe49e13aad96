// SPDX-License-Identifier: GPL-2.0-or-later
//
// Proving that what is restored is the right content: roots that images have of themselves, and
// roots and manifests that somebody else has of it (docs/manifest.md).

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "qcow2stream/disk.h"
#include "qcow2stream/error.h"
#include "qcow2stream/manifest.h"
#include "qcow2stream/progress.h"
#include "qcow2stream/root.h"
#include "qcow2stream/target.h"
#include "qcow2stream/types.h"

namespace qcow2stream {

// What the content that is restored should be. All of it may be left out.
struct ExpectedContent {
  std::shared_ptr<const Manifest> manifest;
  std::optional<ContentDigest> root;
  // Of an increment that is applied: what the target holds before the first one.
  std::shared_ptr<const Manifest> base;
  // The target is not read to see whether it holds what the increment was made of.
  bool trust_target = false;
  // The roots that images have of themselves say nothing: the images were written to since.
  bool ignore_own = false;
  // All of the content is hashed, whatever is expected of it, in chunks of this size unless there
  // is a manifest, which has its own.
  bool hash = false;
  unsigned chunk_bits = kDefaultChunkBits;
};

// What an image says of its own content.
struct ImageRoots {
  bool names_root = false;              // it should have its own root
  std::optional<ContentDigest> own;     // which is not there if something else lies in its place
  std::optional<ContentDigest> parent;  // of what an increment was made of
};

// Of the image in `file`. Nothing where it says nothing. Throws Error as qcow2_backing_file() does.
std::optional<ImageRoots> read_image_roots(const Disk& file);

// Holds content that was hashed, in the chunks of the manifest if there is one, against what is
// expected, and against what the image `name` says of itself. Throws Error{kDamaged} about kImage.
void prove_content(const std::string& name, const std::shared_ptr<ManifestBuilder>& content,
                   const ExpectedContent& expected, const std::optional<ImageRoots>& roots);

// How a target differs from a manifest.
struct ComparedContent {
  std::uint64_t chunks = 0;
  std::uint64_t different = 0;  // chunks
};

struct CompareOptions {
  // What differs, chunk by chunk, in no order; from several threads, but never two at once.
  std::function<void(GuestRange)> on_difference;
  unsigned threads = 0;  // 0 means one a core
  std::uint64_t most_per_second = 0;
  Progress* progress = nullptr;
};

// Reads a target and compares it with a manifest. Throws Error: kMismatch about kManifest for one
// of a content of another length, where the target has one.
ComparedContent compare_with(Target& target, const Manifest& manifest,
                             const CompareOptions& options = {});

// Reads a target of `length` bytes, a multiple of 512.
std::shared_ptr<ManifestBuilder> hash_target(Target& target, std::uint64_t length,
                                             unsigned chunk_bits,
                                             const CompareOptions& options = {});

}  // namespace qcow2stream
