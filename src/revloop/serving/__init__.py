"""Serving a critic with vLLM: plan a deployment or a job, start a server, stop it again."""

from revloop.serving.cards import CARDS, Card, card_named, card_names
from revloop.serving.command import ServerOptions
from revloop.serving.config import read_shape
from revloop.serving.emit import Way, emit
from revloop.serving.job import Assumptions, Job, JobPlan, Limit, plan_job
from revloop.serving.job_table import job_rows
from revloop.serving.layout import Layout
from revloop.serving.lengths import Lengths
from revloop.serving.plan import Plan, PlanRow, plan
from revloop.serving.server import VllmServer, stopping_on_sigterm
from revloop.serving.shape import ModelShape
from revloop.serving.speculation import Speculation, doubt_about
from revloop.serving.supervision import RestartPolicy, SupervisedServer

__all__ = [
    "CARDS",
    "Assumptions",
    "Card",
    "Job",
    "JobPlan",
    "Layout",
    "Lengths",
    "Limit",
    "ModelShape",
    "Plan",
    "PlanRow",
    "RestartPolicy",
    "ServerOptions",
    "Speculation",
    "SupervisedServer",
    "VllmServer",
    "Way",
    "card_named",
    "card_names",
    "doubt_about",
    "emit",
    "job_rows",
    "plan",
    "plan_job",
    "read_shape",
    "stopping_on_sigterm",
]
