"""Planning before a GPU is rented: what a model needs, and how long a job takes."""

from revloop.planning.assumptions import Assumptions
from revloop.planning.cards import CARDS, Card, card_named, card_names
from revloop.planning.deployment import DeploymentPlan, plan
from revloop.planning.deployment_table import PlanRow, deployment_rows
from revloop.planning.emit import Platform, emit
from revloop.planning.job import Job, JobPlan, Limit, plan_job
from revloop.planning.job_table import job_rows
from revloop.planning.layout import Layout
from revloop.planning.lengths import TokenLengths
from revloop.planning.options import ClusterOptions, JobOptions

__all__ = [
    "CARDS",
    "Assumptions",
    "Card",
    "ClusterOptions",
    "DeploymentPlan",
    "Job",
    "JobOptions",
    "JobPlan",
    "Layout",
    "Limit",
    "PlanRow",
    "Platform",
    "TokenLengths",
    "card_named",
    "card_names",
    "deployment_rows",
    "emit",
    "job_rows",
    "plan",
    "plan_job",
]
