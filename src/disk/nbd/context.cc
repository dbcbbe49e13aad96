// SPDX-License-Identifier: GPL-2.0-or-later

#include "disk/nbd/context.h"

#include "disk/listed_names.h"
#include "qcow2stream/error.h"

namespace qcow2stream {
namespace {

bool is_no_bitmap(std::string_view context) {
  return context.starts_with("base:") || context == kAllocationDepthContext;
}

}  // namespace

std::vector<std::string> bitmap_contexts(const std::string& bitmap) {
  if (is_no_bitmap(bitmap)) {
    throw Error(ErrorKind::kUsage, bitmap, "", "not the name of a dirty bitmap");
  }
  if (bitmap.starts_with(kDirtyBitmapPrefix)) return {bitmap};
  const std::string with_prefix = std::string(kDirtyBitmapPrefix) + bitmap;
  // A colon may be that of another server's context, or one in the bitmap's own name.
  if (bitmap.find(':') != std::string::npos) return {bitmap, with_prefix};
  return {with_prefix};
}

std::string list_bitmaps(const std::vector<std::string>& offered_contexts) {
  std::vector<std::string> names;
  for (const std::string& context : offered_contexts) {
    if (is_no_bitmap(context)) continue;
    const bool bare = context.starts_with(kDirtyBitmapPrefix);
    names.push_back(bare ? context.substr(kDirtyBitmapPrefix.size()) : context);
  }
  return join_names(names, "the server offers no dirty bitmap");
}

}  // namespace qcow2stream
