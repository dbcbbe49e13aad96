// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-to-stdout/advice.h"

#include <fmt/format.h>

namespace qcow2stream::cli {

std::string advice_text(const Error& error) {
  return advice_text(error.advice(), error.advice_number());
}

std::string advice_text(Advice advice, std::uint64_t number) {
  switch (advice) {
    case Advice::kNone:
      return "";
    case Advice::kForceShare:
      return "; read a snapshot of it, or say -U to read it all the same";
    case Advice::kWithoutExtents:
      return "; --no-extents does without";
    case Advice::kSmallerClusters:
      return fmt::format("; use -c {} or less", number);
    case Advice::kDirtyBitmap:
      return "; use --dirty-bitmap or nbdinfo";
    case Advice::kAssumeUnchanged:
      return "; --assume-unchanged if you know that it has not, or make the plan together with a "
             "manifest";
    case Advice::kMakePlan:
      return "; --save-plan makes one";
    case Advice::kOtherSpool:
      return "; --spool-dir names another directory";
    case Advice::kReadWithQemu:
    case Advice::kMoreSpool:  // of a restore
    case Advice::kOverwrite:
    case Advice::kApply:
    case Advice::kIgnoreNames:
    case Advice::kIgnoreOwnRoot:
    case Advice::kTrustTarget:
      return "";
    case Advice::kNameImage:
      return "; name the file, or describe image and files with --blockdev";
    case Advice::kNameFormat:
      return "; name its format in place of auto, or raw";
  }
  return "";
}

}  // namespace qcow2stream::cli
