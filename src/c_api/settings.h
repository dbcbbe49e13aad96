// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the caller has said by name and value, and what it means to each part of the library.

#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "qcow2stream/compression.h"
#include "qcow2stream/nbd.h"
#include "qcow2stream/options.h"
#include "qcow2stream/restore.h"
#include "qcow2stream/root.h"
#include "qcow2stream/survey.h"
#include "qcow2stream/target.h"

namespace qcow2stream::c_api {

// Each field is empty or false unless its option was set.
struct Settings {
  // The disk.
  std::optional<std::string> format;
  std::optional<std::string> snapshot;
  std::optional<std::string> dirty_bitmap;
  std::uint64_t shallow = 0;  // images of a chain; 0: none is told apart
  bool force_share = false;
  bool isolate = false;
  NbdOptions nbd;
  std::optional<std::uint64_t> size;  // of a stream, in bytes

  // The image.
  ImageOptions image;
  std::optional<std::uint32_t> deflate_window;
  std::optional<std::string> data_file;  // its name; empty: the disk's own
  bool data_file_raw = false;
  std::optional<std::string> backing_file;
  std::optional<std::string> backing_format;

  // The survey.
  Scan scan = Scan::kZeros;
  unsigned threads = 0;
  std::optional<std::string> map;
  std::optional<std::string> base_map;
  std::optional<std::string> changed_map;
  std::optional<std::string> base_manifest;
  std::optional<std::uint64_t> spool_memory;
  std::optional<std::string> spool_directory;

  bool no_extents = false;
  bool allow_changes = false;
  bool assume_unchanged = false;
  bool flush = false;

  // A restore and its target.
  bool overwrite = false;
  bool target_is_zero = false;
  bool apply = false;
  bool skip_equal = false;
  bool compare = false;
  bool no_sparse = false;
  std::optional<std::uint64_t> max_size;
  std::uint64_t limit_rate = 0;
  std::optional<std::string> manifest;
  std::optional<ContentDigest> expect_root;
  bool ignore_root = false;
  bool trust_target = false;
};

// The image of a disk that messages call `disk_name`. Throws Error{kUsage} where options do not go
// together.
ImageOptions image_options(const Settings& settings, const std::string& disk_name);

// The unit in bytes in which the image leaves parts to its backing file.
std::uint64_t increment_unit(const Settings& settings);

TargetOptions target_options(const Settings& settings);

// Reads the manifests that are named.
RestoreOptions restore_options(const Settings& settings);

}  // namespace qcow2stream::c_api
