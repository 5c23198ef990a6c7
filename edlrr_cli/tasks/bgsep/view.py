"""A background model seen by a camera that may shake."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from edlrr_cli.tasks.bgsep.camera import Camera
from edlrr_cli.tasks.bgsep.model import Model


@dataclass(frozen=True, eq=False)
class View:
    """A model, and the camera whose shake is removed before the model applies; None if it stands still."""

    model: Model
    camera: Camera | None

    def predict(self, frames: Tensor, first: int) -> tuple[Tensor, Tensor]:
        """Return the background of each frame and its variation; a frame itself where nothing is known.

        Args:
            frames: Shape (b, n), n = h * w * c, values on [0, 1].
            first: Index of the first frame in the window.

        Returns:
            Shapes (b, n), and (h, w) or (b, h, w).
        """
        if self.camera is None:
            return self.model.backgrounds(frames, first), self.model.noise
        images, shifts = frames.view(-1, *self.camera.shape), self.camera.shifts(frames)[0]
        steady, _ = self.camera.moved(images, -shifts)
        found = self.model.backgrounds(steady.flatten(1), first).view_as(images)
        noise = self.model.noise.expand(len(frames), -1, -1)[..., None]
        layers, known = self.camera.moved(torch.cat([found, noise], dim=-1), shifts)
        backgrounds = torch.where(known[..., None], layers[..., :-1], images)
        return backgrounds.flatten(1), layers[..., -1]
