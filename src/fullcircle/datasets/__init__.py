"""Custom datasets: thin load, save and describe; every side effect of the project lives here."""

from fullcircle.datasets.alerts_dataset import AlertsDataset
from fullcircle.datasets.candidate_runs_dataset import CandidateRunsDataset
from fullcircle.datasets.data_versions_dataset import DataVersionsDataset
from fullcircle.datasets.delta_table_dataset import DeltaTableDataset
from fullcircle.datasets.feature_table_dataset import FeatureTableDataset
from fullcircle.datasets.feature_tables_dataset import FeatureTablesDataset
from fullcircle.datasets.figures_dataset import FiguresDataset
from fullcircle.datasets.json_lines_dataset import JsonLinesDataset
from fullcircle.datasets.kept_decision_dataset import KeptDecisionDataset
from fullcircle.datasets.ledger_dataset import LedgerDataset
from fullcircle.datasets.model_dataset import ModelDataset
from fullcircle.datasets.model_probe_dataset import ModelProbeDataset
from fullcircle.datasets.optional_table_dataset import OptionalTableDataset
from fullcircle.datasets.predictions_dataset import PredictionsDataset
from fullcircle.datasets.promotion_decision_dataset import PromotionDecisionDataset
from fullcircle.datasets.raw_file_dataset import RawFileDataset
from fullcircle.datasets.raw_parquet_dataset import RawParquetDataset
from fullcircle.datasets.record_folder_dataset import RecordFolderDataset
from fullcircle.datasets.record_table_dataset import RecordTableDataset
from fullcircle.datasets.record_topic_dataset import RecordTopicDataset
from fullcircle.datasets.report_dataset import ReportDataset
from fullcircle.datasets.request_table_dataset import RequestTableDataset
from fullcircle.datasets.role_profiles_dataset import RoleProfilesDataset
from fullcircle.datasets.rolled_back_dataset import RolledBackDataset
from fullcircle.datasets.scored_days_dataset import ScoredDaysDataset
from fullcircle.datasets.search_journal_dataset import SearchJournalDataset
from fullcircle.datasets.shadow_models_dataset import ShadowModelsDataset
from fullcircle.datasets.simulated_dataset import SimulatedDataset
from fullcircle.datasets.stream_table_dataset import StreamTableDataset

__all__ = [
    "AlertsDataset",
    "CandidateRunsDataset",
    "DataVersionsDataset",
    "DeltaTableDataset",
    "FeatureTableDataset",
    "FeatureTablesDataset",
    "FiguresDataset",
    "JsonLinesDataset",
    "KeptDecisionDataset",
    "LedgerDataset",
    "ModelDataset",
    "ModelProbeDataset",
    "OptionalTableDataset",
    "PredictionsDataset",
    "PromotionDecisionDataset",
    "RawFileDataset",
    "RawParquetDataset",
    "RecordFolderDataset",
    "RecordTableDataset",
    "RecordTopicDataset",
    "ReportDataset",
    "RequestTableDataset",
    "RoleProfilesDataset",
    "RolledBackDataset",
    "ScoredDaysDataset",
    "SearchJournalDataset",
    "ShadowModelsDataset",
    "SimulatedDataset",
    "StreamTableDataset",
]
