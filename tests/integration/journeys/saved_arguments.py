"""Run by the runtime's interpreter: prints as JSON the arguments that TRL saved in `training_args.bin`."""

import json
import sys

import torch

if __name__ == "__main__":
    sys.stdout.write(json.dumps(torch.load(sys.argv[1], weights_only=False).to_dict(), default=str) + "\n")
