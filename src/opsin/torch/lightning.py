"""A Lightning data module: train, val and test loaders of one data set, epochs told by the trainer."""

from __future__ import annotations

from typing import Any

from opsin.errors import DatasetError, MissingExtra, refusal
from opsin.torch.collate import collate
from opsin.torch.dataset import Dataset
from opsin.torch.sampler import _public

__all__ = ["make"]


def make() -> Any:
    """Make the class `opsin.torch.DataModule`; its base comes from Lightning."""
    try:
        from lightning.pytorch import LightningDataModule as Base
    except ImportError:
        raise MissingExtra("opsin.torch.DataModule", "lightning", "lightning") from None

    class DataModule(Base):  # type: ignore[misc]
        """The loaders of one data set for `lightning.Trainer`.

        The train split runs `augment(...)` with the trainer's epoch, val, test and predict run without. Samples are the
        same for any number of workers.

        Args:
            source: as for `Dataset`; with splits, or divided by `split`.
            pipeline: as for `Dataset`.
            batch_size: samples a batch.
            num_workers: processes that read ahead.
            split: how to divide what has no split, such as `{"train": 0.8, "val": 0.2}`.
            seed: of that division and of the order.
            target: as for `Dataset`.
            loader: options of `DataLoader`, such as `{"pin_memory": True}`.
            options: of `opsin.datasets.open_dataset`.
        """

        def __init__(
            self,
            source: Any,
            pipeline: Any = None,
            batch_size: int = 32,
            num_workers: int = 0,
            *,
            split: Any = None,
            seed: int = 0,
            target: Any = None,
            loader: dict[str, Any] | None = None,
            **options: Any,
        ) -> None:
            super().__init__()
            from opsin.datasets import open_dataset

            self.data = open_dataset(source, split=split, seed=seed, **options)
            self.pipeline, self.batch_size, self.num_workers = pipeline, batch_size, num_workers
            self.seed, self.target, self.options = seed, target, dict(loader or {})

        @property
        def class_names(self) -> tuple[str, ...]:
            """Names of the classes."""
            return self.data.class_names

        def dataset(self, split: str) -> Dataset:
            """Give the map-style data set of a split."""
            if split not in self.data.splits:
                known = ", ".join(self.data.splits) or "none"
                hint = "Divide it with split={'train': 0.8, 'val': 0.2}."
                raise DatasetError(refusal("DataModule", "split", f"one of {known}", split, hint))
            mode: Any = "train" if split == "train" else "infer"
            return Dataset(self.data, self.pipeline, mode, split=split, target=self.target)

        def _loader(self, split: str) -> Any:
            from torch.utils.data import DataLoader

            from opsin.torch import Sampler

            data = self.dataset(split)
            order = Sampler(data, shuffle=split == "train", seed=self.seed, epoch_of=self._epoch)
            options = {"collate_fn": collate, "persistent_workers": self.num_workers > 0} | self.options
            return DataLoader(data, batch_size=self.batch_size, sampler=order, num_workers=self.num_workers, **options)

        def _epoch(self) -> int:
            trainer = getattr(self, "trainer", None)
            return int(trainer.current_epoch) if trainer is not None else 0

        def train_dataloader(self) -> Any:
            """Give the loader of the train split."""
            return self._loader("train")

        def val_dataloader(self) -> Any:
            """Give the loader of the val split; no batches where there is none."""
            return self._loader("val") if "val" in self.data.splits else []

        def test_dataloader(self) -> Any:
            """Give the loader of the test split."""
            return self._loader("test")

        def predict_dataloader(self) -> Any:
            """Give the loader of the test split, or of the val split where there is no test split."""
            return self._loader("test" if "test" in self.data.splits else "val")

    return _public(DataModule)
